/**
 * rspamd's score on our scale. Its thresholds are its own configuration's, so that they are what is compared: from 0 to
 * its `add header` ours goes from 0 to the default junk score, from there to its `reject` to the default refusal score,
 * and on at the same pace, to twice that at most. Below 0 the pace is that of the first part, down to -junk.
 *
 * Its action has the last word, because its rules may force one: a message that it rejects is worth a refusal whatever
 * the number, one that it marks is worth Junk and no refusal, and any other stays below Junk.
 */
import { deliveryDefaults } from '../../policies.ts'
import { rounded } from '../symbols.ts'
import type { RspamdAnswer } from './rspamd-answer.ts'

const junk = deliveryDefaults.junk_score
/** A policy may refuse nothing; the scale needs a number. */
const refuse = deliveryDefaults.refuse_score ?? 15
/** In rspamd's own preset: add header at 6, reject at 15. For versions that do not tell their thresholds. */
const addHeaderPart = 0.4
const smallestStep = 0.01

export function scoreOfRspamd(answer: RspamdAnswer): number {
  const scaled = rounded(scale(answer))
  switch (answer.action) {
    case 'reject':
    case 'discard':
      return Math.max(scaled, refuse)
    case 'add header':
    case 'rewrite subject':
    case 'quarantine':
      return Math.min(Math.max(scaled, junk), refuse - smallestStep)
    case 'no action':
    case 'greylist':
    case 'soft reject':
      return Math.min(scaled, junk - smallestStep)
  }
}

function scale({ score, rejectScore, addHeaderScore }: RspamdAnswer): number {
  const reject = rejectScore > 0 ? rejectScore : refuse
  const marks = addHeaderScore !== null && addHeaderScore > 0 ? addHeaderScore : reject * addHeaderPart
  const header = Math.min(marks, reject)
  if (score <= header) return Math.max(-junk, (score / header) * junk)
  if (reject === header) return refuse
  return Math.min(2 * refuse, junk + ((score - header) / (reject - header)) * (refuse - junk))
}
