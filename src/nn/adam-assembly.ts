// Made of assembly/adam by `npm run build:assembly`; change that and not this.

/** A step of Adam in WebAssembly with SIMD, as base64; its memory is imported. */
export const ADAM_ASSEMBLY = [
  "AGFzbQEAAAABEQFgDX9/f39/fX19fX19fX0AAg8BA2VudgZtZW1vcnkCAAADAgEABxECBGFkYW0AAAZtZW1vcnkCAArtAQHq",
  "AQILewR/IAX9EyEOIAb9EyEPIAf9EyEQIAj9EyERIAn9EyESIAr9EyETIAv9EyEUIAz9EyEVIARBA2pBfHFBAnQhGEEAIQQD",
  "QCAEIBhJBEAgASAEaiIZ/QAEACAO/eYBIAMgBGr9AAQAIAAgBGoiGv0ABAAiFiAS/eYB/eQBIhcgD/3mAf3kASENIAIgBGoi",
  "G/0ABAAgEP3mASAXIBf95gEgEf3mAf3kASEXIBkgDf0LBAAgGyAX/QsEACAaIBYgE/3mASANIBf94wEgFf3kAf3nASAU/eYB",
  "/eUB/QsEACAEQRBqIQQMAQsLCw==",
].join("");
