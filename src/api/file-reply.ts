/**
 * Files that somebody else made, as replies: streamed, in whole or one range of them, and so that a browser only ever
 * saves them. Nothing in them may run with the rights of this address.
 */
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '../platform/errors.ts'
import { isKnownTag, wantedRange } from './byte-ranges.ts'

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

/** What a browser shows without running anything in it. `+xml` may be SVG or XHTML, and so is never among them. */
const harmless =
  /^(?:image\/(?:png|jpeg|gif|webp|avif|bmp|tiff|heic|heif)|(?:audio|video)\/[\w.-]+|text\/(?:plain|csv|calendar)|message\/rfc822|application\/(?:pdf|zip|gzip|json|rtf|msword|vnd\.[\w.-]+))$/

/**
 * The content type that a file is sent with: what the sender says where it is harmless, else bytes.
 * @param charset of a text, as the sender says.
 */
export function safeContentType(contentType: string, charset: string | null): string {
  const type = contentType.toLowerCase()
  if (!harmless.test(type)) return 'application/octet-stream'
  const isNamed = charset !== null && /^[\w.:+-]{1,40}$/.test(charset)
  return type.startsWith('text/') && isNamed ? `${type}; charset=${charset}` : type
}

/** RFC 6266 §4: the name for everyone, and for those who know RFC 8187 in all its letters. */
export function attachmentDisposition(filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\%;]/g, '_')
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*!]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return plain === filename
    ? `attachment; filename="${plain}"`
    : `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
