/**
 * The certificate for a first start: self-signed, so that IMAPS, POP3S, submissions and STARTTLS work before a
 * real one is there. Clients have to be told to trust it. OpenSSL, through node:crypto, makes the key and the
 * signature; the one certificate profile that we need (RFC 5280) is written in DER here.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import { writeFileDurably } from './data-directory.ts'

export type KeyAndCertificate = { keyPem: string; certPem: string }

const dayMs = 24 * 60 * 60 * 1000
/** Clients with clocks that are a little slow still accept a certificate made just now. */
const clockSkewMs = 60 * 60 * 1000
/** The longest life that Apple's clients accept is 825 days, and 398 for well-known roots; stay under both. */
const validDays = 397
const renewBeforeDays = 30
/** RFC 5280 appendix A.1, ub-common-name. */
const commonNameCharactersMax = 64

/** Object identifiers, as their DER content. */
const oid = {
  ecdsaWithSha256: '2a8648ce3d040302', // 1.2.840.10045.4.3.2
  commonName: '550403', // 2.5.4.3
  keyUsage: '551d0f', // 2.5.29.15
  subjectAltName: '551d11', // 2.5.29.17
  basicConstraints: '551d13', // 2.5.29.19
  extKeyUsage: '551d25', // 2.5.29.37
  serverAuth: '2b06010505070301', // 1.3.6.1.5.5.7.3.1
} as const

/** A new ECDSA P-256 key and a certificate for `hostname` (a name or an IP address), localhost and loopback. */
export async function createSelfSignedCertificate(options: {
  hostname: string
  days: number
  now?: Date
}): Promise<KeyAndCertificate> {
  const hostname = asciiHost(options.hostname)
  const nowMs = (options.now ?? new Date()).getTime()
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const toBeSigned = tbsCertificate({
    hostname,
    notBefore: new Date(nowMs - clockSkewMs),
    notAfter: new Date(nowMs + options.days * dayMs),
    publicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
  })
  const signature = sign('sha256', toBeSigned, privateKey)
  const certificate = sequence(toBeSigned, signatureAlgorithm(), bitString(signature))
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certPem: new X509Certificate(certificate).toString(),
  }
}

/**
 * The certificate kept in `directory` (DATA_DIR/tls) as self-signed.key.pem (0600) and self-signed.cert.pem. It is
 * made anew when it is missing or damaged, names another host, or ends within 30 days of `now`.
 */
export async function loadOrCreateCertificate(options: {
  directory: string
  hostname: string
  now: Date
}): Promise<KeyAndCertificate> {
  const keyFile = join(options.directory, 'self-signed.key.pem')
  const certFile = join(options.directory, 'self-signed.cert.pem')
  const stored = await readPair(keyFile, certFile)
  if (stored && isUsable(stored, asciiHost(options.hostname), options.now)) return stored
  const made = await createSelfSignedCertificate({
    hostname: options.hostname,
    days: validDays,
    now: options.now,
  })
  await mkdir(options.directory, { recursive: true, mode: 0o700 })
  await writeFileDurably(keyFile, made.keyPem)
  await writeFileDurably(certFile, made.certPem, 0o644)
  return made
}

/** Internationalized names as certificates carry them. RFC 5280 §7.2 */
function asciiHost(hostname: string): string {
  const ascii = isIP(hostname) ? hostname : domainToASCII(hostname)
  if (ascii === '') throw new Error(`The host name ${JSON.stringify(hostname)} is not valid.`)
  return ascii
}

async function readPair(keyFile: string, certFile: string): Promise<KeyAndCertificate | null> {
  try {
    return { keyPem: await readFile(keyFile, 'utf8'), certPem: await readFile(certFile, 'utf8') }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}

/** False also for a key and a certificate that do not belong together, which a crash between two writes leaves. */
function isUsable(pair: KeyAndCertificate, hostname: string, now: Date): boolean {
  try {
    const certificate = new X509Certificate(pair.certPem)
    const named = isIP(hostname) ? certificate.checkIP(hostname) : certificate.checkHost(hostname)
    const renewFromMs = certificate.validToDate.getTime() - renewBeforeDays * dayMs
    const begun = certificate.validFromDate.getTime() <= now.getTime()
    const matches = certificate.checkPrivateKey(createPrivateKey(pair.keyPem))
    return named !== undefined && begun && now.getTime() < renewFromMs && matches
  } catch {
    return false
  }
}

/** RFC 5280 §4.1.2 */
function tbsCertificate(fields: {
  hostname: string
  notBefore: Date
  notAfter: Date
  publicKeyInfo: Buffer
}): Buffer {
  const serialNumber = randomBytes(16)
  serialNumber.writeUInt8((serialNumber.readUInt8() & 0x3f) | 0x40) // positive, and never shortened
  const commonName = sequence(
    objectIdentifier(oid.commonName),
    der(0x0c, fields.hostname.slice(0, commonNameCharactersMax)), // UTF8String
  )
  const name = sequence(der(0x31, commonName)) // one RDN, a SET of one attribute; issuer and subject are the same
  return sequence(
    der(0xa0, der(0x02, Buffer.of(2))), // version: v3
    der(0x02, serialNumber),
    signatureAlgorithm(),
    name,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    name,
    fields.publicKeyInfo,
    der(0xa3, extensions(fields.hostname)),
  )
}

/** RFC 5280 §4.2.1 */
function extensions(hostname: string): Buffer {
  const critical = der(0x01, Buffer.of(0xff))
  const extension = (id: string, value: Buffer, ...flags: Buffer[]) =>
    sequence(objectIdentifier(id), ...flags, der(0x04, value))
  const names = new Set([hostname, 'localhost', '127.0.0.1', '::1'])
  const digitalSignature = Buffer.of(0x03, 0x02, 0x07, 0x80) // BIT STRING with the first bit set
  return sequence(
    extension(oid.basicConstraints, sequence(), critical), // cA is false
    extension(oid.keyUsage, digitalSignature, critical),
    extension(oid.extKeyUsage, sequence(objectIdentifier(oid.serverAuth))),
    extension(oid.subjectAltName, sequence(...[...names].map(generalName))),
  )
}

/** RFC 5280 §4.2.1.6: dNSName [2] or iPAddress [7]. */
function generalName(host: string): Buffer {
  if (isIP(host) === 4) return der(0x87, Buffer.from(host.split('.').map(Number)))
  if (isIP(host) === 6) return der(0x87, ipv6Bytes(host))
  return der(0x82, host)
}

function ipv6Bytes(address: string): Buffer {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1) // no dotted quad in it any more
  const [head = '', tail = ''] = canonical.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const zeros = Array(8 - groups(head).length - groups(tail).length).fill('0')
  const all = canonical.includes('::') ? [...groups(head), ...zeros, ...groups(tail)] : groups(canonical)
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime after that, both in UTC and to the second. */
function time(date: Date): Buffer {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[-:T]/g, '')
  return date.getUTCFullYear() < 2050 ? der(0x17, `${digits.slice(2)}Z`) : der(0x18, `${digits}Z`)
}

function signatureAlgorithm(): Buffer {
  return sequence(objectIdentifier(oid.ecdsaWithSha256))
}

function objectIdentifier(contentHex: string): Buffer {
  return der(0x06, Buffer.from(contentHex, 'hex'))
}

function bitString(content: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.of(0), content]))
}

function sequence(...items: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(items))
}

/** Tag, length, content. X.690 §8.1.3: lengths from 128 on are preceded by the number of their bytes. */
function der(tag: number, content: Buffer | string): Buffer {
  const body = Buffer.from(content)
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body])
  if (body.length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, body.length), body])
  return Buffer.concat([Buffer.of(tag, 0x82, body.length >> 8, body.length & 0xff), body])
}
