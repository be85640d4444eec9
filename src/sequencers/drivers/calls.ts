/** What a driver calls its sequencer by: it keeps to the limits, has bounds, and knows no vendor. */

export type SequencerCall = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Behind the base address, with its query. It is never logged: some have the key in it. */
  path: string
  headers?: Readonly<Record<string, string>>
  /** JSON. */
  body?: unknown
  /** It adds mailboxes: a longer pause is kept between such calls. */
  adds?: boolean
  /** It changes nothing, though it is no GET. */
  reads?: boolean
}

export type SequencerReply = {
  status: number
  /** In milliseconds, of a Retry-After in seconds or as a date (RFC 9110 §10.2.3). */
  retryAfterMs: number | null
  text: string
  /** The body as JSON; undefined when it is none. */
  json: unknown
}

/**
 * Waits for its turn, then calls.
 * @throws SequencerError unreachable; with `maybeDone` if the call changes something and was on its way.
 */
export type CallSequencer = (call: SequencerCall) => Promise<SequencerReply>

/** Whether a call may have changed something. */
export function mayChange({ method, reads }: SequencerCall): boolean {
  return method !== 'GET' && reads !== true
}
