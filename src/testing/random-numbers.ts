/** Numbers for tests that look random and are the same again for the same seed. */

/** A number from 0 to below `below`. */
export type RandomNumbers = (below: number) => number

/** mulberry32: small, and the same on every machine. */
export function randomNumbers(seed: number): RandomNumbers {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}
