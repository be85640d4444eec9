/** Headers of files that somebody else made: a browser saves them, and runs nothing in them. */

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
