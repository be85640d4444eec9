/**
 * Names in a Maildir: flags behind `:2,` (the specification of Maildir, and Maildir++ for folders), keywords as the
 * letters a to z with Dovecot's dovecot-keywords file, which says what they stand for in this folder.
 */
import { flagBits } from '../flags.ts'

export const keywordsFile = 'dovecot-keywords'
const keywordsMax = 26

// In ASCII order, as the specification wants them.
const letters: readonly (readonly [letter: string, bit: number])[] = [
  ['D', flagBits.draft],
  ['F', flagBits.flagged],
  ['R', flagBits.answered],
  ['S', flagBits.seen],
  ['T', flagBits.deleted],
]

/** The keywords of a folder, each with its letter, in the order in which they were first met. */
export type KeywordLetters = { names: string[] }

/** `:2,FSa`. Keywords beyond 26 in a folder have no letter and are counted in `lost`. */
export function encodeInfo(
  flags: number,
  keywords: readonly string[],
  known: KeywordLetters,
): { info: string; lost: number } {
  const system = letters.map(([letter, bit]) => ((flags & bit) === 0 ? '' : letter)).join('')
  let lost = 0
  const own = keywords.flatMap((keyword) => {
    let at = known.names.indexOf(keyword)
    if (at === -1 && known.names.length < keywordsMax) at = known.names.push(keyword) - 1
    if (at === -1) lost += 1
    return at === -1 ? [] : [String.fromCharCode(97 + at)]
  })
  return { info: `:2,${system}${own.sort().join('')}`, lost }
}

export function decodeInfo(name: string, keywords: readonly string[]): { flags: number; keywords: string[] } {
  const info = /[:;!]2,([A-Za-z]*)/.exec(name)?.[1] ?? '' // where files may not have a colon, programs write ; or !
  let flags = 0
  for (const [letter, bit] of letters) if (info.includes(letter)) flags |= bit
  const own = Array.from(info.matchAll(/[a-z]/g), ([letter]) => keywords[letter.charCodeAt(0) - 97] ?? '')
  return { flags, keywords: own.filter((keyword) => keyword !== '') }
}

/** Lines of `NUMBER NAME`. */
export function parseKeywordsFile(text: string): string[] {
  const names: string[] = []
  for (const [, number = '', name = ''] of text.matchAll(/^(\d{1,2}) (\S+)\r?$/gm)) {
    if (Number(number) < keywordsMax) names[Number(number)] = name
  }
  return Array.from(names, (name) => name ?? '')
}

export function encodeKeywordsFile({ names }: KeywordLetters): string {
  return names.map((name, at) => `${at} ${name}\n`).join('')
}

/** INBOX is the Maildir itself; every other folder is a directory beside cur, new and tmp: `.Archive.2024`. */
export function encodeFolderDirectory(path: string): string {
  const levels = path.split('/').map((level) => level.replace(/[&.~\p{Cc}]|[^\x20-\x7e]+/gu, shift))
  return path === 'INBOX' ? '' : `.${levels.join('.')}`
}

/** Modified UTF-7 (RFC 3501 §5.1.3), as Maildir++ has it on disk; a dot within a name is written so too. */
function shift(run: string): string {
  if (run === '&') return '&-'
  const base64 = Buffer.from(run, 'utf16le').swap16().toString('base64')
  return `&${base64.replaceAll('/', ',').replace(/=+$/, '')}-`
}

export function decodeFolderDirectory(name: string): string {
  const levels = name.replace(/^\./, '').split('.')
  return levels.map((level) => level.replace(/&([^-]*)-/g, (_, base64: string) => unshift(base64))).join('/')
}

function unshift(base64: string): string {
  if (base64 === '') return '&'
  const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64')
  return bytes
    .subarray(0, bytes.length - (bytes.length % 2))
    .swap16()
    .toString('utf16le')
}
