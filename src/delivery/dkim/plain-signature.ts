/**
 * DKIM-Signature fields and key records as nearly all of mail has them (RFC 6376 §3.5, §3.6.1). What is written in any
 * other way, right or wrong, is not read here: null says that somebody else must judge it.
 */
import { createPublicKey, type KeyObject } from 'node:crypto'
import type { DkimAlgorithm } from '../../domains/tables.ts'

type Canonicalization = 'relaxed' | 'simple'

export type PlainSignature = {
  algorithm: DkimAlgorithm
  header: Canonicalization
  body: Canonicalization
  /** In lower case. */
  domain: string
  selector: string
  /** The names of `h=` in lower case, in their order; `from` is among them. */
  names: readonly string[]
  bodyHash: string
  /** Base64 without white space. */
  signature: string
  /** `i=` without its domain, which is `domain`. */
  localPart: string
}

const knownTags = new Set(['v', 'a', 'c', 'd', 's', 'h', 'bh', 'b', 't', 'x', 'i', 'q'])
const namesMax = 200

const shapes = {
  a: /^(?:rsa|ed25519)-sha256$/,
  c: /^(relaxed|simple)(?:\/(relaxed|simple))?$/,
  d: /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  s: /^(?=.{1,100}$)[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?)*$/,
  name: /^[!-9<-~]+$/, // RFC 5322 §3.6.8 without the semicolon, which ends a tag
  base64: /^[A-Za-z0-9+/]+={0,2}$/,
  seconds: /^\d{1,12}$/,
  localPart: /^[A-Za-z0-9._+-]*$/,
}

/**
 * @param value of the field, without its name; folded or not.
 * @param nowSeconds since the epoch: what is expired, or signed later than now, is not plain.
 */
export function parsePlainSignature(value: string, nowSeconds: number): PlainSignature | null {
  const tags = parseTags(value, knownTags)
  if (tags === null || tags.get('v') !== '1' || tags.get('q', 'dns/txt') !== 'dns/txt') return null
  const algorithm = tags.get('a')
  const canonicalization = shapes.c.exec(tags.get('c', 'simple/simple'))
  const domain = tags.get('d')
  const selector = tags.get('s')
  const names = tags.get('h').split(':').map(trimmed)
  const bodyHash = withoutSpace(tags.get('bh'))
  const signature = withoutSpace(tags.get('b'))
  const [localPart = '', identityDomain, ...rest] = tags.get('i', `@${domain}`).split('@')
  const isPlain =
    shapes.a.test(algorithm) &&
    canonicalization !== null &&
    shapes.d.test(domain) &&
    shapes.s.test(selector) &&
    names.length <= namesMax &&
    names.every((name) => shapes.name.test(name)) &&
    shapes.base64.test(bodyHash) &&
    shapes.base64.test(signature) &&
    shapes.localPart.test(localPart) &&
    identityDomain === domain &&
    rest.length === 0 &&
    isTimely(tags.get('t', ''), tags.get('x', ''), nowSeconds)
  if (!isPlain) return null
  const lower = names.map((name) => name.toLowerCase())
  if (!lower.includes('from')) return null
  return {
    algorithm: algorithm === 'rsa-sha256' ? 'rsa-sha256' : 'ed25519-sha256',
    header: canonicalization[1] === 'relaxed' ? 'relaxed' : 'simple',
    body: canonicalization[2] === 'relaxed' ? 'relaxed' : 'simple',
    domain,
    selector,
    names: lower,
    bodyHash,
    signature,
    localPart,
  }
}

/** No times are timely. */
function isTimely(signedAt: string, expiresAt: string, nowSeconds: number): boolean {
  if (signedAt !== '' && !(shapes.seconds.test(signedAt) && Number(signedAt) <= nowSeconds)) return false
  if (expiresAt === '') return true
  return (
    shapes.seconds.test(expiresAt) &&
    Number(expiresAt) > nowSeconds &&
    (signedAt === '' || Number(expiresAt) > Number(signedAt))
  )
}

export type PlainKey = { algorithm: DkimAlgorithm; publicKey: KeyObject }

const keyTags = new Set(['v', 'k', 'p', 's', 't', 'h'])
/** RFC 8301 §3.2: shorter RSA keys prove nothing. */
const rsaBitsMin = 1024
/** RFC 8032 §5.1.5, with the head of its SubjectPublicKeyInfo (RFC 8410 §4) put in front. */
const ed25519Bytes = 32
const ed25519Head = Buffer.from('302a300506032b6570032100', 'hex')

/** A key that may sign mail, without restrictions. `t=s` is none where `i=` has the domain of `d=`. */
export function parsePlainKey(record: string): PlainKey | null {
  const tags = parseTags(record, keyTags)
  if (tags === null || tags.get('v', 'DKIM1') !== 'DKIM1') return null
  if (tags.has('v') && tags.first !== 'v') return null
  if (tags.has('h') && tags.get('h') !== 'sha256') return null
  if (tags.has('s') && tags.get('s') !== '*' && tags.get('s') !== 'email') return null
  if (tags.has('t') && tags.get('t') !== 's') return null
  const kind = tags.get('k', 'rsa')
  const text = withoutSpace(tags.get('p'))
  if (!shapes.base64.test(text) || (kind !== 'rsa' && kind !== 'ed25519')) return null
  const publicKey = readKey(kind, Buffer.from(text, 'base64'))
  return publicKey && { algorithm: kind === 'rsa' ? 'rsa-sha256' : 'ed25519-sha256', publicKey }
}

function readKey(kind: 'rsa' | 'ed25519', bytes: Buffer): KeyObject | null {
  if (kind === 'ed25519' && bytes.length !== ed25519Bytes) return null
  try {
    const key = createPublicKey({
      key: kind === 'ed25519' ? Buffer.concat([ed25519Head, bytes]) : bytes,
      format: 'der',
      type: 'spki',
    })
    if (key.asymmetricKeyType !== kind) return null
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
    return kind === 'ed25519' || bits >= rsaBitsMin ? key : null
  } catch {
    return null // no key at all, or one in another form
  }
}

type Tags = {
  first: string
  has(name: string): boolean
  /** The empty text, or `fallback`, where there is no such tag. */
  get(name: string, fallback?: string): string
}

const tagName = /^[a-z][a-z0-9]*$/
// RFC 6376 §3.2: VCHAR and white space between them; a line end only before white space.
const tagText = /^(?:[\x20-\x7e\t]|\r\n[ \t])*$/

/** A tag list (§3.2). null: a tag that is not `known`, or comes twice, or is written in another way. */
function parseTags(text: string, known: ReadonlySet<string>): Tags | null {
  if (!tagText.test(text)) return null
  const values = new Map<string, string>()
  const parts = text.split(';')
  if (trimmed(parts.at(-1) ?? '') === '') parts.pop() // one semicolon may end the list
  for (const part of parts) {
    const equals = part.indexOf('=')
    const name = trimmed(part.slice(0, Math.max(0, equals)))
    if (!tagName.test(name) || !known.has(name) || values.has(name)) return null
    values.set(name, trimmed(part.slice(equals + 1)))
  }
  const [first] = values.keys()
  return first === undefined
    ? null
    : {
        first,
        has: (name) => values.has(name),
        get: (name, fallback = '') => values.get(name) ?? fallback,
      }
}

function trimmed(text: string): string {
  return text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, '')
}

function withoutSpace(text: string): string {
  return text.replace(/[ \t\r\n]+/g, '')
}
