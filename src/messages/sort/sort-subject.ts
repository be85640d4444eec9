/** The base subject of RFC 5256 §2.1: what is left of a subject without the marks of replies and forwards. */
import { decodeHeaderText } from '../mime/encoded-words.ts'

/** `isReply`: a mark of a reply or forward was taken away (RFC 5256 §3, THREAD). */
export type BaseSubject = { base: string; isReply: boolean }

/** Of a longer subject only so much is compared. */
const subjectCharsMax = 2_000

/** subj-leader but for white space: *subj-blob subj-refwd. */
const replyPattern = /(?:\[[^[\]]*\] *)*(?:re|fwd?) *(?:\[[^[\]]*\] *)?:/iy
const blobsPattern = /(?:\[[^[\]]*\] *)+/y
const lastBlobPattern = /\[[^[\]]*\] *$/
const forwardHeader = /^\[fwd:/i

/** @param subject the unfolded field, still RFC 2047-encoded if it was; null where there is none. */
export function baseSubject(subject: string | null): BaseSubject {
  const decoded = decodeHeaderText((subject ?? '').slice(0, subjectCharsMax * 4))
  let text = decoded.slice(0, subjectCharsMax).replace(/[ \t\r\n]+/g, ' ') // step 1
  let isReply = false
  for (;;) {
    const untrailed = withoutTrailers(text) // step 2
    const unled = withoutLeaders(untrailed.base) // steps 3 to 5
    isReply ||= untrailed.isReply || unled.isReply
    text = unled.base
    if (!forwardHeader.test(text) || !text.endsWith(']')) return { base: text, isReply }
    text = text.slice(5, -1) // step 6
    isReply = true
  }
}

/** subj-trailer = "(fwd)" / WSP */
function withoutTrailers(text: string): BaseSubject {
  let end = text.length
  let isReply = false
  for (;;) {
    if (text.charAt(end - 1) === ' ') end -= 1
    else if (text.slice(Math.max(0, end - 5), end).toLowerCase() === '(fwd)') {
      end -= 5
      isReply = true
    } else return { base: text.slice(0, end), isReply }
  }
}

/** A run of blobs goes as a whole where something is left behind it: no reply mark can follow but its last. */
function withoutLeaders(text: string): BaseSubject {
  let start = 0
  let isReply = false
  for (;;) {
    while (text.charAt(start) === ' ') start += 1
    replyPattern.lastIndex = start
    if (replyPattern.test(text)) {
      start = replyPattern.lastIndex
      isReply = true
      continue
    }
    blobsPattern.lastIndex = start
    const blobs = blobsPattern.exec(text)?.[0]
    if (blobs === undefined) break
    if (start + blobs.length < text.length) start += blobs.length
    else {
      start += lastBlobPattern.exec(blobs)?.index ?? 0 // the last one is the base
      break
    }
  }
  return { base: text.slice(start), isReply }
}
