/**
 * Robinson's probabilities of words, combined by Fisher's method: how much a message looks like those that were taught
 * as spam, and how much like the others, each as the chance that such words come together by accident.
 */

/** In how many taught messages of each kind a token occurred, or how many there were. */
export type Counts = { spam: number; ham: number }

/** A word that was never seen is neither; so many sightings are as strong as that belief. */
const priorStrength = 0.45
const prior = 0.5
/** Words that say hardly anything are left out. */
const distanceMin = 0.1
/** The most telling words of a message; more of them only add weight to what they say already. */
const wordsMax = 150

/** How likely a message with this token is spam, from 0 to 1. */
export function spamProbability(token: Counts, totals: Counts): number {
  const inSpam = token.spam / Math.max(1, totals.spam)
  const inHam = token.ham / Math.max(1, totals.ham)
  const seen = token.spam + token.ham
  if (seen === 0) return prior
  const naive = inSpam / (inSpam + inHam)
  return (priorStrength * prior + seen * naive) / (priorStrength + seen)
}

/** From 0 (ham) to 1 (spam); 0.5 where nothing is known. */
export function combined(probabilities: readonly number[]): number {
  const telling = probabilities
    .filter((one) => Math.abs(one - 0.5) >= distanceMin)
    .sort((left, right) => Math.abs(right - 0.5) - Math.abs(left - 0.5))
    .slice(0, wordsMax)
    .map((one) => Math.min(0.99, Math.max(0.01, one)))
  if (telling.length === 0) return 0.5
  const half = telling.length
  const spam = 1 - chiSquareTail(-telling.reduce((sum, one) => sum + Math.log(1 - one), 0), half)
  const ham = 1 - chiSquareTail(-telling.reduce((sum, one) => sum + Math.log(one), 0), half)
  return (1 + spam - ham) / 2
}

/** The chance that a chi-square variable of 2n degrees of freedom is above 2m. */
function chiSquareTail(m: number, n: number): number {
  let term = Math.exp(-m) // m is below 150 * ln 100, so that this is no zero
  let sum = term
  for (let i = 1; i < n; i++) {
    term *= m / i
    sum += term
  }
  return Math.min(1, sum)
}
