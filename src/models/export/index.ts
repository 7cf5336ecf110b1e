export { type ClassifierExport, encodeClassifierOnnx } from "./classifier-onnx.js";
export { type DecoderExport, encodeDecoderOnnx } from "./decoder-onnx.js";
export { encodeMinisamEncoderOnnx, encodeVitEncoderOnnx } from "./encoder-onnx.js";
export { ExportedDecoder } from "./exported-decoder.js";
export { encodePyramidOnnx, type PyramidExport } from "./pyramid-onnx.js";
