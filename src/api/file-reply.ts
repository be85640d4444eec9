/**
 * Files that somebody else made, as replies: streamed, in whole or one range of them, and so that a browser only ever
 * saves them. Nothing in them may run with the rights of this address.
 */
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../platform/errors.ts'
import { attachmentDisposition } from '../platform/http/file-headers.ts'
import { isKnownTag, wantedRange } from './byte-ranges.ts'

export { attachmentDisposition, safeContentType } from '../platform/http/file-headers.ts'

export type FileReply = {
  sizeBytes: number
  /** A strong ETag: the bytes under it never change. */
  etag: string
  /** `safeContentType` of what the sender says. */
  contentType: string
  filename: string
  /** The bytes from `start` to `end`, which is not part of them, in pieces. */
  read(start: number, end: number): AsyncIterable<Buffer>
}

/** @throws Refusal range_not_satisfiable. */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: FileReply,
): Promise<FastifyReply> {
  const { etag, sizeBytes } = file
  // Whoever has it asks again before it is used (RFC 9111 §5.2.2.4): a message may be gone, or the right to read it.
  void reply.headers({ etag, 'cache-control': 'private, no-cache', 'accept-ranges': 'bytes' })
  if (isKnownTag(request.headers['if-none-match'], etag)) return await reply.code(304).send(undefined)
  const isHead = request.method === 'HEAD' // §14.2: Range is for GET
  const range = isHead ? ({ kind: 'whole' } as const) : wantedRange(request.headers, etag, sizeBytes)
  if (range.kind === 'none') {
    void reply.header('content-range', `bytes */${sizeBytes}`)
    throw new Refusal('range_not_satisfiable', `There are ${sizeBytes} bytes.`)
  }
  const { start, end } = range.kind === 'part' ? range : { start: 0, end: sizeBytes }
  if (range.kind === 'part') void reply.header('content-range', `bytes ${start}-${end - 1}/${sizeBytes}`)
  void reply.headers({
    'content-type': file.contentType,
    'content-length': end - start,
    'content-disposition': attachmentDisposition(file.filename),
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  })
  const bytes = isHead || start === end ? Readable.from([]) : Readable.from(file.read(start, end))
  return await reply.code(range.kind === 'part' ? 206 : 200).send(bytes)
}
