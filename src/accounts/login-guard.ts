/**
 * The guard against guessing (NIST SP 800-63B §5.2.2): every login, of a person or to a mailbox, goes through it. It
 * looks at what was counted before the password is looked at, so that a right one is refused like a wrong one while it
 * is locked, and an address that nobody has is treated like the others.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { RawBuilder } from 'kysely'
import { secondsUntil } from '../platform/clock.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { delayAfter, type GuardSubject, guardSubjects, type LoginAttempt } from './login-guard-policy.ts'
import { countFailure, forgetPair, type GuardRow, guardRows, type LoginLock } from './login-guard-rows.ts'

export type GuardedLogin<Candidate, Login> = {
  attempt: LoginAttempt
  /** What a guess that is repeated is known by; null where that cannot be said: then each one counts. */
  guess: string | null
  /** Looks the account up, and in the same statement what was counted. */
  read(guards: RawBuilder<GuardRow[]>): Promise<{ guards: readonly GuardRow[]; candidate: Candidate }>
  /** Checks the password; takes as long where there is no account. */
  verify(candidate: Candidate): Promise<Login | null>
  /** Called in the transaction that counts a failure, when it locks the account for the client's network. */
  locked?(tx: Tx, candidate: Candidate, lock: LoginLock): Promise<void>
}

export type GuardedOutcome<Login> =
  | { kind: 'accepted'; login: Login }
  | { kind: 'refused' }
  /** Nobody looked at the password. */
  | { kind: 'locked'; until: Date }

/** What whoever is locked is told where one can be told so much. */
export function lockedRefusal({ clock }: Platform, until: Date): Refusal {
  return new Refusal('rate_limited', 'Too many wrong passwords; try again later.', {
    retryAfterSeconds: secondsUntil(until, clock.now()),
  })
}

/** Runs one login: those to one account from one network run one after another, or many at once would not be counted. */
export async function guardLogin<Candidate, Login>(
  platform: Platform,
  login: GuardedLogin<Candidate, Login>,
): Promise<GuardedOutcome<Login>> {
  const subjects = guardSubjects(platform.config, login.attempt)
  const key = subjects.map((subject) => subject.key).join(' ')
  const outcome = await inTurn(platform, key, () => runLogin(platform, subjects, login))
  if (outcome !== null) return outcome
  return { kind: 'locked', until: new Date(platform.clock.now().getTime() + crowdedRetryMs) }
}

async function runLogin<Candidate, Login>(
  platform: Platform,
  subjects: readonly GuardSubject[],
  { attempt, guess, read, verify, locked }: GuardedLogin<Candidate, Login>,
): Promise<GuardedOutcome<Login>> {
  const { guards, candidate } = await read(guardRows(subjects))
  const now = platform.clock.now()
  const until = lockedUntil(guards, now)
  if (until !== null) return { kind: 'locked', until }
  // Before the answer, whatever it will be: who does not wait for it has not learned anything.
  const delayMs = delayOf(subjects, guards, now)
  if (delayMs > 0) await sleep(delayMs)
  const found = await verify(candidate)
  if (found !== null) {
    const isPair = guards.some(({ subject }) => subject.startsWith('pair '))
    if (isPair) await forgetPair(platform, subjects)
    return { kind: 'accepted', login: found }
  }
  const seen = guess === null ? null : guessMark(platform, attempt, guess)
  await transaction(platform.db, async (tx) => {
    const locks = await countFailure(tx, subjects, seen, now)
    for (const [{ name, network }, lockedTo] of locks) {
      platform.metrics.loginLocks.inc({ subject: name })
      if (name !== 'pair' || network === null) {
        platform.log.warn({ event: 'login.locked', subject: name, network, until: lockedTo })
      } else await locked?.(tx, candidate, { network, until: lockedTo })
    }
  })
  return { kind: 'refused' }
}

function lockedUntil(guards: readonly GuardRow[], now: Date): Date | null {
  const times = guards.flatMap(({ locked_until: until }) => (until === null ? [] : [new Date(until)]))
  const latest = times.toSorted((a, b) => b.getTime() - a.getTime())[0]
  return latest && latest > now ? latest : null
}

function delayOf(subjects: readonly GuardSubject[], guards: readonly GuardRow[], now: Date): number {
  const delays = subjects.map(({ key, rule }) => {
    const row = guards.find(({ subject }) => subject === key)
    if (!row) return 0
    const idleSeconds = (now.getTime() - new Date(row.last_failure_at).getTime()) / 1000
    return delayAfter(row.failures - Math.floor(Math.max(0, idleSeconds) / rule.forgetSeconds), rule)
  })
  return Math.max(...delays)
}

/** 31 bits under the vault's key: enough to know a guess again, and too few to say what it was. */
function guessMark({ vault }: Platform, { kind, address }: LoginAttempt, guess: string): number {
  return vault.digest(`${kind}:${address}\0${guess}`, 'login_guess').readUInt32BE() >>> 1
}

/** Of one account and network on this node: more than all devices of a household ask for at the same moment. */
export const loginsInTurnMax = 100
const crowdedRetryMs = 5_000

type Turns = { last: Promise<unknown>; count: number }
const turns = new WeakMap<Platform, Map<string, Turns>>()

/** @returns null where as many wait already as may. */
async function inTurn<T>(platform: Platform, key: string, work: () => Promise<T>): Promise<T | null> {
  const byKey = turns.get(platform) ?? new Map<string, Turns>()
  turns.set(platform, byKey)
  const mine = byKey.get(key) ?? { last: Promise.resolve(), count: 0 }
  if (mine.count >= loginsInTurnMax) return null
  byKey.set(key, mine)
  mine.count++
  const result = mine.last.then(work, work)
  mine.last = result
  try {
    return await result
  } finally {
    if (--mine.count === 0) byKey.delete(key)
  }
}
