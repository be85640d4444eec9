/**
 * What nearly all of mail is like (decision 0031): no ARC chain, one author, signatures that are written plainly and
 * hold, a DMARC record at the author's own domain, which a signature or SPF has the very name of. Such a message is judged
 * here, with SPF by mailauth; it takes a fifth of the time. Whatever is different in any way, above all what fails, is
 * left to mailauth whole: from here comes a pass or nothing.
 */
import { isIP } from 'node:net'
import libmime from 'libmime'
import type { SPFResult } from 'mailauth'
import { spf } from 'mailauth/lib/spf/index.js'
import { createCache } from '../../platform/cache.ts'
import type { Platform } from '../../platform/platform.ts'
import type { RawField } from '../dkim/message-digest.ts'
import {
  type PlainKey,
  type PlainSignature,
  parsePlainKey,
  parsePlainSignature,
} from '../dkim/plain-signature.ts'
import { bodyHashesOf, holds } from '../dkim/plain-verify.ts'
import type { Arrival } from './arrival.ts'
import { headerFieldsOf } from './arrival-fields.ts'
import type { CheckResolver } from './check-resolver.ts'
import { type PlainPolicy, parsePlainPolicy } from './plain-policy.ts'

const bounds = {
  /** Larger messages go the other way, which reads them piece by piece. */
  messageBytesMax: 1024 * 1024,
  signaturesMax: 4,
  headerBytesMax: 256 * 1024,
} as const

export type PlainResult = {
  signatures: readonly PlainSignature[]
  spf: SPFResult
  /** The author's domain, and what it asks for. */
  author: string
  policy: PlainPolicy
  /** The fields, as mailauth words them, and the value of the first. */
  fields: string
  authResults: string
}

export type PlainClient = { helo: string; address: string }

/** @returns null when the message is not plain, or something about it does not pass. */
export async function authenticatePlain(
  platform: Platform,
  resolver: CheckResolver,
  arrival: Arrival,
  client: PlainClient,
): Promise<PlainResult | null> {
  const { message } = arrival
  if (message.sizeBytes > bounds.messageBytesMax || message.header.length > bounds.headerBytesMax) return null
  if (client.helo === '' || isIP(client.helo) !== 0) return null
  const fields = plainFields(message.header, headerFieldsOf(message))
  const author = fields && authorDomain(fields)
  if (fields === null || author === null) return null
  const signatures = plainSignatures(fields, platform)
  if (signatures === null || !signatures.every(({ plain }) => isClearlyAligned(plain.domain, author)))
    return null
  const [policy, verified] = await Promise.all([
    policyOf(resolver, author),
    verifyAll(resolver, arrival, fields, signatures),
  ])
  if (policy === null || !verified) return null
  // Last, because it may ask the most, and mailauth would ask it all again.
  const checked = await spf({
    sender: arrival.mailFrom,
    helo: client.helo,
    ip: client.address,
    mta: platform.config.hostname,
    resolver: (name, type) => resolver.resolve(name, type),
    strict: true,
  })
  if (!checked) return null
  const isAuthors =
    signatures.some(({ plain }) => plain.domain === author) ||
    (checked.status.result === 'pass' && checked.domain === author)
  if (!isAuthors) return null
  const plain = signatures.map((one) => one.plain)
  return {
    signatures: plain,
    spf: checked,
    author,
    policy,
    ...wording(platform.config.hostname, plain, checked, client.address, author, policy),
  }
}

const fieldStart = /^[!-9;-~]+:/
// RFC 5322 §2.2: what else may stand in a field is not for a fast look.
const oddHeader = /[\0\x7f-\xff]|\r(?!\n)|(?<!\r)\n/

/** null: the header has a line that is no field, or bytes that readers differ about, or no end. */
function plainFields(
  header: Buffer,
  fields: readonly { name: string; start: number; end: number }[],
): RawField[] | null {
  const text = header.toString('latin1')
  if (!text.endsWith('\r\n\r\n') || oddHeader.test(text)) return null
  const raw: RawField[] = []
  for (const { name, start, end } of fields) {
    const lower = name.toLowerCase()
    if (!fieldStart.test(text.slice(start, start + name.length + 1)) || lower.startsWith('arc-')) return null
    raw.push({ name: lower, raw: header.subarray(start, end) })
  }
  return raw
}

const oneAuthor =
  /^(?:[^<>"(),:;@\\[\]]*|[ \t]*"[^"\\<>@]*"[ \t]*)<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@([A-Za-z0-9.-]+)>$|^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@([A-Za-z0-9.-]+)$/
const domainShape =
  /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** null: not one From field with one address that all readers see alike. */
function authorDomain(fields: readonly RawField[]): string | null {
  const [from, another] = fields.filter(({ name }) => name === 'from')
  if (!from || another) return null
  const match = oneAuthor.exec(textOf(from).replace(/\r\n/g, '').trim())
  const domain = (match?.[1] ?? match?.[2] ?? '').toLowerCase()
  return domainShape.test(domain) ? domain : null
}

/** Behind the colon, folded as it is, without the line end. */
function textOf({ name, raw }: RawField): string {
  return raw.toString('latin1', name.length + 1).replace(/\r\n$/, '')
}

type Signature = { plain: PlainSignature; own: RawField }

function plainSignatures(fields: readonly RawField[], { clock }: Platform): Signature[] | null {
  const nowSeconds = Math.floor(clock.now().getTime() / 1000)
  const found: Signature[] = []
  for (const own of fields) {
    if (own.name !== 'dkim-signature') continue
    const plain = parsePlainSignature(textOf(own), nowSeconds)
    if (plain === null || found.length >= bounds.signaturesMax) return null
    found.push({ plain, own })
  }
  return found
}

/**
 * Two names that differ in one of their last two labels have no organizational domain in common (RFC 9989 §4.10.2). For
 * others than the very same name that takes a walk through DNS.
 */
function isClearlyAligned(domain: string, author: string): boolean {
  return domain === author || lastLabels(domain) !== lastLabels(author)
}

function lastLabels(name: string): string {
  return name.split('.').slice(-2).join('.')
}

async function verifyAll(
  resolver: CheckResolver,
  { message }: Arrival,
  fields: readonly RawField[],
  signatures: readonly Signature[],
): Promise<boolean> {
  if (signatures.length === 0) return true
  const keys = await Promise.all(signatures.map(({ plain }) => keyOf(resolver, plain)))
  const pieces: Buffer[] = []
  for await (const piece of message.read(message.header.length)) pieces.push(piece)
  const [only, ...more] = pieces
  const body = only && more.length === 0 ? only : Buffer.concat(pieces)
  if (hasOddLineEnd(body)) return false
  const hashes = bodyHashesOf(body)
  return signatures.every(({ plain, own }, at) => {
    const key = keys[at] ?? null
    return key !== null && holds(plain, own, fields, hashes, key)
  })
}

const cr = 0x0d
const lf = 0x0a

/** A CR or an LF without the other (RFC 5322 §2.3): whether it ends a line is seen differently. */
function hasOddLineEnd(body: Buffer): boolean {
  let begin = 0
  for (let at = body.indexOf(lf); at !== -1; at = body.indexOf(lf, begin)) {
    if (body.indexOf(cr, begin) !== at - 1) return true
    begin = at + 1
  }
  return body.includes(cr, begin)
}

/** Records that were read, by their text; a record is asked for with each message all the same. */
const keys = createCache<PlainKey>({ entriesMax: 2_000, ttlMs: 3600_000 })
const recordCharsMax = 2_000

async function keyOf(
  resolver: CheckResolver,
  { selector, domain }: PlainSignature,
): Promise<PlainKey | null> {
  const text = await onlyText(resolver, `${selector}._domainkey.${domain}`)
  if (text === null || text.length > recordCharsMax) return null
  const known = keys.get(text)
  if (known !== undefined) return known
  const key = parsePlainKey(text)
  if (key !== null) keys.set(text, key)
  return key
}

async function policyOf(resolver: CheckResolver, author: string): Promise<PlainPolicy | null> {
  const text = await onlyText(resolver, `_dmarc.${author}`)
  return text === null ? null : parsePlainPolicy(text)
}

/** The one TXT record of a name. null: there is none, or more than one, or no answer. */
async function onlyText(resolver: CheckResolver, name: string): Promise<string | null> {
  try {
    const [record, another] = await resolver.resolve(name, 'TXT')
    return record === undefined || another !== undefined ? null : [record].flat().join('')
  } catch {
    return null // mailauth asks again and says what that means; the answer is remembered
  }
}

const foldedAt = 160

/** Word for word what mailauth writes: readers need not know who judged. */
function wording(
  hostname: string,
  signatures: readonly PlainSignature[],
  { info, header }: SPFResult,
  address: string,
  author: string,
  { policy, shown }: PlainPolicy,
): { fields: string; authResults: string } {
  const rows = [
    ...(signatures.length === 0 ? ['dkim=none (message not signed)'] : signatures.map(signatureRow)),
    info ?? '',
    `arc=none smtp.remote-ip=${quoted(address)}`,
    `dmarc=pass (${shown} arc=none) policy.dmarc=${policy} header.from=${author}`,
  ]
  const authResults = `${hostname};\r\n ${rows.map((row) => libmime.foldLines(row, foldedAt)).join(';\r\n ')}`
  const fields = [`Authentication-Results: ${authResults}`, ...(header ? [header] : [])]
  return { fields: `${fields.join('\r\n')}\r\n`, authResults }
}

function signatureRow({ domain, localPart, selector, algorithm, signature }: PlainSignature): string {
  const properties = [
    `header.d=${domain}`,
    `header.i=${localPart}@${domain}`,
    `header.s=${quoted(selector)}`,
    `header.a=${algorithm}`,
    `header.b=${quoted(signature.slice(0, 8))}`,
  ]
  return `dkim=pass ${properties.join(' ')}`
}

/** RFC 2045 §5.1: a token, or in quotes. */
function quoted(text: string): string {
  return /[\s()<>@,;:\\"/[\]?=]/.test(text) ? `"${text}"` : text
}
