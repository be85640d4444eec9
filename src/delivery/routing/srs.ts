/**
 * Sender rewriting (SRS): a forward leaves with a reverse path of our own, so that SPF (RFC 7208) passes for it and a bounce
 * comes back here, where the path tells whom it is for. A MAC keeps strangers from making such addresses, a day in
 * it from using one for ever. Nothing is stored.
 *
 *     SRS0=MAC=DAY=example.com=ann@here      for ann@example.com
 *     SRS1=MAC=there=REST@here               for SRS0REST@there, which another forwarder made
 *
 * An SRS0 names the author's server, an SRS1 the first forwarder, however many come after: the address does not grow.
 * The MAC is in lower case base32, because some servers change the case of local parts.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Vault } from '../../platform/vault.ts'

/** Days that a rewritten address takes bounces: the longest that queues keep mail, and more. */
export const srsDaysMax = 21

/** Makes MACs and checks them. */
export type SrsKey = {
  mac(text: string): string
  /** Whether it is the MAC of the text under any key in use. */
  isMac(mac: string, text: string): boolean
}

const macBytes = 5 // 40 bits, 8 characters: a guess costs a connection, and wins one bounce to one address
const pathBytesMax = 254 // RFC 5321 §4.5.3.1.3
const dayMs = 24 * 3600 * 1000
const dayCycle = 1024 // two characters of base32
const digits = 'abcdefghijklmnopqrstuvwxyz234567'

/** MACs under the vault's keys; after a rotation those of older keys are known still. */
export function srsKeyOf(vault: Vault): SrsKey {
  const macUnder = (text: string, keyId?: string): string =>
    base32(vault.digest(text.toLowerCase(), 'srs', keyId).subarray(0, macBytes))
  return {
    mac: (text) => macUnder(text),
    isMac: (mac, text) => [...vault.keyIds].some((keyId) => isSame(mac.toLowerCase(), macUnder(text, keyId))),
  }
}

/**
 * The reverse path that a message is forwarded with. The null sender stays, and so does a sender of the forwarding
 * domain. A local part may come out longer than 64 bytes: RFC 5321 §4.5.3.1 asks for implementations without that limit,
 * and servers take it; a path that is too long as a whole becomes the null sender.
 */
export function rewriteSender(mailFrom: string, forwardingDomain: string, key: SrsKey, now: Date): string {
  const at = mailFrom.lastIndexOf('@')
  const domain = mailFrom.slice(at + 1).toLowerCase()
  if (at < 1 || domain === forwardingDomain) return mailFrom
  const local = mailFrom.slice(0, at)
  const again = parseRewritten(unquote(local))
  const content = again === null ? srs0(key, now, domain, local) : srs1(key, domain, again)
  const path = `${quote(content)}@${forwardingDomain}`
  return Buffer.byteLength(path) > pathBytesMax ? '' : path
}

/** Whether a local part looks like one of these, ours or another's. */
export function looksRewritten(localPart: string): boolean {
  return /^"?srs[01][=+-]/i.test(localPart)
}

/** Whom a rewritten local part stands for; null when it is not ours, was changed, or is older than `srsDaysMax`. */
export function originalSender(localPart: string, key: SrsKey, now: Date): string | null {
  const found = parseRewritten(unquote(localPart))
  if (found === null) return null
  if (found.kind === 'srs1') {
    const { mac, host, rest } = found
    return key.isMac(mac, srs1Text(host, rest)) ? `${quote(`SRS0${rest}`)}@${host}` : null
  }
  const [, mac = '', day = '', domain = '', local = ''] =
    /^[=+-]([^=]+)=([^=]{2})=([^=]+)=(.+)$/s.exec(found.rest) ?? []
  if (local === '' || !key.isMac(mac, srs0Text(day, domain, local))) return null
  return isRecent(day, now) ? `${local}@${domain.toLowerCase()}` : null
}

type Rewritten = { kind: 'srs0'; rest: string } | { kind: 'srs1'; mac: string; host: string; rest: string }

/** `rest` begins with the separator: another forwarder may use `+` or `-`. */
function parseRewritten(content: string): Rewritten | null {
  if (/^srs0[=+-]/i.test(content)) return { kind: 'srs0', rest: content.slice(4) }
  const [, mac, host, rest] = /^srs1[=+-]([^=]+)=([^=]+)=([=+-].*)$/is.exec(content) ?? []
  if (mac === undefined || host === undefined || rest === undefined) return null
  return { kind: 'srs1', mac, host: host.toLowerCase(), rest }
}

function srs0(key: SrsKey, now: Date, domain: string, local: string): string {
  const day = dayOf(now)
  return `SRS0=${key.mac(srs0Text(day, domain, local))}=${day}=${domain}=${local}`
}

/** Of an SRS0 the host is the one that made it, of an SRS1 the one that it names. */
function srs1(key: SrsKey, domain: string, again: Rewritten): string {
  const host = again.kind === 'srs0' ? domain : again.host
  return `SRS1=${key.mac(srs1Text(host, again.rest))}=${host}=${again.rest}`
}

const srs0Text = (day: string, domain: string, local: string): string => `srs0=${day}=${domain}=${local}`
const srs1Text = (host: string, rest: string): string => `srs1=${host}=${rest}`

function dayOf(now: Date): string {
  const day = Math.floor(now.getTime() / dayMs) % dayCycle
  return `${digits[day >> 5]}${digits[day & 31]}`
}

function isRecent(text: string, now: Date): boolean {
  const [high, low] = [...text.toLowerCase()].map((digit) => digits.indexOf(digit))
  if (high === undefined || low === undefined || high < 0 || low < 0) return false
  const today = Math.floor(now.getTime() / dayMs) % dayCycle
  return (today - (high * 32 + low) + dayCycle) % dayCycle <= srsDaysMax
}

// RFC 5321 §4.1.2: what a Dot-string cannot have needs quotes.
const dotString = /^[\w!#$%&'*+/=?^`{|}~\u0080-\u{10ffff}-]+(\.[\w!#$%&'*+/=?^`{|}~\u0080-\u{10ffff}-]+)*$/u

function quote(content: string): string {
  return dotString.test(content) ? content : `"${content.replace(/["\\]/g, '\\$&')}"`
}

function unquote(localPart: string): string {
  return /^".*"$/s.test(localPart) ? localPart.slice(1, -1).replace(/\\(.)/gs, '$1') : localPart
}

function base32(bytes: Buffer): string {
  let bits = 0n
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte)
  let text = ''
  for (let left = (bytes.length * 8) / 5; left > 0; left--) {
    text = digits[Number(bits & 31n)] + text
    bits >>= 5n
  }
  return text
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
