/** Compares what a mailbox holds with what was sent: the same bytes after the two trace fields of delivery. */
import type { SampleMessage } from './corpus.ts'

export type Comparison = { ok: true; message: SampleMessage } | { ok: false; difference: string }

/**
 * Finds the message that `stored` is, among those that its mailbox still waits for.
 * @returns that one, or a sentence that names the message which comes closest and the first byte that differs.
 */
export function matchStored(stored: Buffer, awaited: readonly SampleMessage[]): Comparison {
  const trace = traceLength(stored)
  if (trace === null)
    return { ok: false, difference: 'a message does not begin with Return-Path and Received' }
  const received = stored.subarray(trace)
  const message = awaited.find(({ bytes }) => bytes.equals(received))
  if (message) return { ok: true, message }
  const [closest] = awaited
    .map((candidate) => ({ candidate, at: commonLength(candidate.bytes, received) }))
    .sort((a, b) => b.at - a.at)
  if (!closest) return { ok: false, difference: 'there is a message that was not sent to it' }
  return { ok: false, difference: describe(closest.candidate, received, closest.at) }
}

function describe({ name, bytes }: SampleMessage, received: Buffer, at: number): string {
  const hex = (byte: number | undefined): string =>
    byte === undefined ? 'missing' : `0x${byte.toString(16).padStart(2, '0')}`
  return `${name}: byte ${at} of ${bytes.length} was sent as ${hex(bytes[at])} and came back as ${hex(received[at])}`
}

// Between the two stand the results of the checks; each field may be folded.
const leading =
  /^Return-Path: [^\r\n]*\r\n(?:(?:X-Mailwright-Spam|Authentication-Results|Received-SPF): ?[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/

/** The length of Return-Path and Received, which delivery puts first (RFC 5321 §4.4); null without them. */
function traceLength(stored: Buffer): number | null {
  const start = stored.toString('latin1', 0, 4096)
  return leading.exec(start)?.[0].length ?? null
}

function commonLength(a: Buffer, b: Buffer): number {
  const shorter = Math.min(a.length, b.length)
  let at = 0
  while (at < shorter && a[at] === b[at]) at++
  return at
}
