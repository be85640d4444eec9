/** INPROGRESS (RFC 9585): while a command takes long, its client is told that it goes on, and how far it is. */
import { ConnectionClosed, type Output } from '../../output.ts'
import { imapLimits } from '../limits.ts'

/**
 * How far the work is, called by it from time to time: it is how the work hears that its client has gone.
 * @param goal what `done` will come to; null if that is not known.
 * @throws ConnectionClosed
 */
export type Progress = (done: number, goal: number | null) => void

/** Runs work that writes nothing itself. */
export async function withProgress<Result>(
  output: Output,
  tag: string,
  work: (progress: Progress) => Promise<Result>,
): Promise<Result> {
  let state = 'NIL NIL'
  let telling: Promise<void> = Promise.resolve()
  const tell = async (): Promise<void> => {
    if (output.isBlocked || output.isClosed) return
    await output.write(`* OK [INPROGRESS (${encodeTag(tag)} ${state})] Still at it\r\n`)
    await output.flush()
  }
  const timer = setInterval(() => {
    // A client that is gone shows when the work asks, or when its answer is written.
    telling = telling.then(tell).catch(() => {})
  }, imapLimits.inProgressMs)
  try {
    return await work((done, goal) => {
      if (output.isClosed) throw new ConnectionClosed('the client is gone')
      // §4: progress below a known goal.
      state = `${goal === null ? done : Math.min(done, goal)} ${goal === null || goal === 0 ? 'NIL' : goal}`
    })
  } finally {
    clearInterval(timer)
    await telling
  }
}

/** A tag may hold a bracket, which would end the response code for many a client. */
function encodeTag(tag: string): string {
  return tag.includes(']') ? 'NIL' : `"${tag}"`
}
