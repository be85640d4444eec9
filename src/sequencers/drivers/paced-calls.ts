/** Calls to one account at a sequencer: started one behind the other, within its limits, with bounds. */
import { setTimeout as sleepMs } from 'node:timers/promises'
import { type AddressRule, askOutside, OutsideError } from '../../platform/outside-http.ts'
import { type CallLimits, SequencerError } from '../driver.ts'
import { type CallSequencer, mayChange, type SequencerCall, type SequencerReply } from './calls.ts'
import { createPace } from './pace.ts'

const bounds = {
  requestMsMax: 90_000, // some log in to the mailbox, over SMTP and IMAP, before they answer
  replyBytesMax: 16 * 1024 ** 2,
  retryAfterMsMax: 3_600_000,
} as const

/** A tool that takes seconds to answer would else leave most of its limit unused. */
const runningMax = 8

export type PacedCallsOptions = {
  /** Where its API is; what stands behind its host stays in front of each path. */
  baseUrl: string
  limits: CallLimits
  mayAsk: AddressRule
  /** When the next call may start, as the last run left it. */
  nextCallAt: Date | null
  /** Waiting for a turn ends with it, and so does a call that has begun: it may have been done. */
  signal?: AbortSignal
  /** The time that nextCallAt is in. */
  wallNow?: () => number
  /** Milliseconds of a clock that nobody sets. */
  now?: () => number
  sleep?: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>
}

export type PacedCalls = {
  call: CallSequencer
  /** When the next call may start, for the next run on whatever node. */
  nextCallAt(): Date
}

export function paceCalls(options: PacedCallsOptions): PacedCalls {
  const { baseUrl, limits, mayAsk, nextCallAt, signal } = options
  const wallNow = options.wallNow ?? Date.now
  const now = options.now ?? (() => performance.now())
  const sleep = options.sleep ?? ((ms, until) => sleepMs(ms, undefined, until ? { signal: until } : {}))
  const startedAt = now()
  const next = nextCallAt === null ? null : startedAt + nextCallAt.getTime() - wallNow()
  const pace = createPace(limits, startedAt, next)
  const running = new Set<Promise<unknown>>()
  // Where more is kept between two calls that add than between others, it is kept from the end of the one before.
  const addsAlone = limits.addSpacingMs > limits.spacingMs
  let lastTurn: Promise<unknown> = Promise.resolve()
  let lastAdd: Promise<unknown> = Promise.resolve()

  const awaitTurn = async (adds: boolean): Promise<void> => {
    if (adds && addsAlone) await lastAdd
    while (running.size >= runningMax) await Promise.race(running)
    for (let waitMs = pace.nextAt(adds) - now(); waitMs > 0; waitMs = pace.nextAt(adds) - now()) {
      await sleep(Math.ceil(waitMs), signal).catch((cause: unknown) => {
        throw new SequencerError('unreachable', 'It was stopped before its turn.', { cause })
      })
    }
    if (signal?.aborted) throw new SequencerError('unreachable', 'It was stopped before its turn.')
    pace.started(now())
  }
  const run = async (call: SequencerCall, adds: boolean): Promise<SequencerReply> => {
    try {
      return await ask(baseUrl, call, mayAsk, signal)
    } finally {
      pace.ended(now(), adds)
    }
  }
  return {
    async call(call) {
      const adds = call.adds === true
      const turn = lastTurn.then(async () => {
        await awaitTurn(adds)
        const reply = run(call, adds)
        const ended = reply.catch(() => undefined).then(() => void running.delete(ended))
        running.add(ended)
        if (adds) lastAdd = ended
        return { reply } // not the promise itself: the next turn does not wait for the answer
      })
      lastTurn = turn.catch(() => undefined)
      return await (await turn).reply
    },
    nextCallAt: () => new Date(Math.ceil(wallNow() + pace.nextOfAllAt() - now())),
  }
}

async function ask(
  baseUrl: string,
  call: SequencerCall,
  mayAsk: AddressRule,
  signal: AbortSignal | undefined,
): Promise<SequencerReply> {
  const { method, path, headers = {}, body } = call
  const request = { method, url: `${baseUrl.replace(/\/+$/, '')}${path}`, headers }
  try {
    return await askOutside(body === undefined ? request : { ...request, body }, mayAsk, {
      ...bounds,
      signal,
    })
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error
    const maybeDone = error.isSent && mayChange(call)
    throw new SequencerError('unreachable', wordsOf(error), { maybeDone, cause: error })
  }
}

function wordsOf({ problem }: OutsideError): string {
  switch (problem.reason) {
    case 'late':
      return `No answer within ${problem.requestMsMax / 1000} s.`
    case 'no_answer':
      return `No answer (${problem.code}).`
    case 'redirect':
      return `It answers with a redirect (${problem.status}), which is not followed.`
    case 'too_large':
      return `Its answer has more than ${problem.replyBytesMax} bytes.`
    case 'forbidden_address':
      return 'It is in a network that this platform does not connect to.'
    case 'bad_url':
      return 'Its address is none.'
  }
}
