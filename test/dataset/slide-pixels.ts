/** The pixels of slides in tests of preparation. */
export const pink = (x: number, y: number) => [200 + (x % 17), 90 + (y % 31), 150 + ((x + y) % 7)] as const;
