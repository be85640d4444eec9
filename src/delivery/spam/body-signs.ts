/** Signs in the body of a message. */
import { isCharset } from '../../messages/mime/charset.ts'
import type { AttachedFile, Inspected } from './inspect.ts'
import { documentExtensions, executableExtensions, shortenerHosts } from './known-names.ts'
import { misnamedHost } from './links.ts'
import { type Hit, hit } from './symbols.ts'

/** Fewer visible characters than this beside an image are none to speak of. */
const shortTextChars = 100

export function bodySigns(inspected: Inspected): Hit[] {
  const { links, hosts, charsets, files } = inspected
  const misnamed = links.map(misnamedHost).find((found) => found !== null)
  const shortener = hosts.find((host) => shortenerHosts.has(host))
  const invalid = charsets.find((label) => !isCharset(label))
  return [
    ...worst(files.flatMap(executableSign)),
    ...(files.some((file) => file.isEncryptedArchive) ? [hit('ENCRYPTED_ARCHIVE')] : []),
    ...(isImageOnly(inspected) ? [hit('IMAGE_ONLY')] : []),
    ...(misnamed === undefined || misnamed === null ? [] : [hit('LINK_NAMES_OTHER_HOST', misnamed)]),
    ...(shortener === undefined ? [] : [hit('URL_SHORTENER', shortener)]),
    ...(invalid === undefined ? [] : [hit('INVALID_CHARSET', invalid)]),
  ]
}

/** Ten bad files are as bad as the worst of them. */
function worst(hits: readonly Hit[]): Hit[] {
  return hits.toSorted((left, right) => right.score - left.score).slice(0, 1)
}

/** Windows drops spaces and dots at the end of a name, and shows what follows U+202E from right to left. */
function executableSign({ name }: AttachedFile): Hit[] {
  const parts = name
    .toLowerCase()
    .replace(/[\s.]+$/, '')
    .split('.')
    .map((part) => part.trim())
  const [before, last] = parts.length > 2 ? parts.slice(-2) : [undefined, parts.at(-1)]
  if (last === undefined || parts.length < 2 || !executableExtensions.has(last)) return []
  const isDisguised = (before !== undefined && documentExtensions.has(before)) || name.includes('\u202e')
  return [hit(isDisguised ? 'DOUBLE_EXTENSION' : 'EXECUTABLE', name)]
}

function isImageOnly({ hasHtml, hasPlainText, images, text }: Inspected): boolean {
  return hasHtml && !hasPlainText && images > 0 && text.replace(/\s+/g, '').length < shortTextChars
}
