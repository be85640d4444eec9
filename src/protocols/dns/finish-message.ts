/** What an answer has of its query, and of its moment: id, flags, the case of the question, and the OPT record. */
import { dnsLimits } from './limits.ts'
import { questionTypes } from './numbers.ts'
import { headerBytes, type Query } from './query.ts'

const optBytes = 11
const cookieOption = 10
const cookieBytesMax = 24

/** What the OPT record takes at most. */
export const optBytesMax = optBytes + 4 + cookieBytesMax

/**
 * @param message an answer without id and OPT record. It is copied.
 * @param rcode the whole of it, extended bits included.
 * @param cookie the option (RFC 7873 §4) that goes back.
 */
export function finishMessage(
  message: Buffer,
  query: Query,
  queryBytes: Buffer,
  rcode: number,
  cookie: Buffer | null,
): Buffer {
  const { edns, question } = query
  const options = cookie === null ? 0 : 4 + cookie.length
  const length = message.length + (edns === null ? 0 : optBytes + options)
  const out = Buffer.allocUnsafe(length)
  message.copy(out)
  out.writeUInt16BE(query.id, 0)
  out[2] = (out[2] ?? 0) | (query.opcode << 3) | (query.recursionDesired ? 0x01 : 0)
  out[3] = (out[3] ?? 0) | (query.checkingDisabled ? 0x10 : 0) // RFC 4035 §3.1.6
  // As it was asked, so that the client recognises its own spelling.
  if (question?.hasUpperCase) queryBytes.copy(out, headerBytes, headerBytes, question.nameEnd)
  if (edns === null) return out
  out.writeUInt16BE(out.readUInt16BE(10) + 1, 10)
  const at = message.length
  out[at] = 0
  out.writeUInt16BE(questionTypes.opt, at + 1)
  out.writeUInt16BE(dnsLimits.udpBytesMax, at + 3)
  out[at + 5] = rcode >> 4
  out[at + 6] = 0 // version
  // RFC 3225 §3, RFC 9824 §5: as they came.
  out.writeUInt16BE((edns.dnssecOk ? 0x8000 : 0) | (edns.compactOk ? 0x4000 : 0), at + 7)
  out.writeUInt16BE(options, at + 9)
  if (cookie === null) return out
  out.writeUInt16BE(cookieOption, at + optBytes)
  out.writeUInt16BE(cookie.length, at + optBytes + 2)
  cookie.copy(out, at + optBytes + 4)
  return out
}
