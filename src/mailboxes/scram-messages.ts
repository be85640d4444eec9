/** The messages of SCRAM (RFC 5802 §7), read and written. Nothing here knows a password. */
import { isUtf8 } from 'node:buffer'

/** RFC 5802 §7 server-error-value. */
export type ScramError =
  | 'extensions-not-supported'
  | 'invalid-proof'
  | 'channel-bindings-dont-match'
  | 'server-does-support-channel-binding'
  | 'channel-binding-not-supported'
  | 'unsupported-channel-binding-type'
  | 'invalid-username-encoding'
  | 'other-error'

/** `p` names its channel binding; `y`: the client could, and believes that the server cannot. */
export type ChannelBindingFlag = { kind: 'n' } | { kind: 'y' } | { kind: 'p'; type: string }

export type ClientFirst = {
  /** As received: the final message repeats it. */
  gs2Header: string
  flag: ChannelBindingFlag
  authorizationId: string | null
  username: string
  nonce: string
  /** client-first-message-bare, as received: it is signed. */
  bare: string
}

export type ClientFinal = {
  /** The bytes of cbind-input: the GS2 header and what the channel binding gave. */
  channelBinding: Buffer
  nonce: string
  proof: Buffer
  /** client-final-message-without-proof, as received: it is signed. */
  withoutProof: string
}

export type Parsed<T> =
  | { kind: 'parsed'; message: T }
  | { kind: 'malformed'; text: string }
  | { kind: 'error'; error: ScramError }

/** No message of a real client comes near it. */
const messageBytesMax = 4096

const gs2Pattern = /^((?:p=([A-Za-z0-9.-]+)|n|y),(?:a=([^,\0]+))?,)/
const firstPattern = /^n=([^,\0]+),r=([\x21-\x2b\x2d-\x7e]+)((?:,[A-Za-z]=[^,\0]+)*)$/
const base64 = '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?'
const finalPattern = new RegExp(
  `^(c=(${base64}),r=([\\x21-\\x2b\\x2d-\\x7e]+)((?:,[A-Za-z]=[^,\\0]+)*)),p=(${base64})$`,
)
const mandatoryExtension = /(?:^|,)m=/

export function parseClientFirst(bytes: Buffer): Parsed<ClientFirst> {
  const text = decode(bytes)
  const [, gs2Header, type, authorizationId] = (text === null ? null : gs2Pattern.exec(text)) ?? []
  if (text === null || gs2Header === undefined) return malformed
  const bare = text.slice(gs2Header.length)
  if (bare.startsWith('m=')) return { kind: 'error', error: 'extensions-not-supported' }
  const [, username, nonce, extensions = ''] = firstPattern.exec(bare) ?? []
  if (username === undefined || nonce === undefined) return malformed
  if (mandatoryExtension.test(extensions)) return { kind: 'error', error: 'extensions-not-supported' }
  const names = [username, authorizationId].map((name) => (name === undefined ? null : decodeName(name)))
  if (names[0] == null || (authorizationId !== undefined && names[1] == null)) {
    return { kind: 'error', error: 'invalid-username-encoding' }
  }
  const flag: ChannelBindingFlag =
    type === undefined ? { kind: gs2Header.startsWith('y') ? 'y' : 'n' } : { kind: 'p', type }
  const message = { gs2Header, flag, authorizationId: names[1] ?? null, username: names[0], nonce, bare }
  return { kind: 'parsed', message }
}

export function parseClientFinal(bytes: Buffer): Parsed<ClientFinal> {
  const [, withoutProof, channelBinding, nonce, extensions = '', proof] =
    finalPattern.exec(decode(bytes) ?? '') ?? []
  if (
    withoutProof === undefined ||
    channelBinding === undefined ||
    nonce === undefined ||
    proof === undefined
  ) {
    return malformed
  }
  if (mandatoryExtension.test(extensions)) return { kind: 'error', error: 'extensions-not-supported' }
  const message = {
    channelBinding: Buffer.from(channelBinding, 'base64'),
    nonce,
    proof: Buffer.from(proof, 'base64'),
    withoutProof,
  }
  return { kind: 'parsed', message }
}

export function encodeServerFirst(nonce: string, salt: Buffer, iterations: number): string {
  return `r=${nonce},s=${salt.toString('base64')},i=${iterations}`
}

export function encodeServerFinal(signature: Buffer): Buffer {
  return Buffer.from(`v=${signature.toString('base64')}`)
}

export function encodeServerError(error: ScramError): Buffer {
  return Buffer.from(`e=${error}`)
}

const malformed = { kind: 'malformed', text: 'Malformed SCRAM message' } as const

function decode(bytes: Buffer): string | null {
  return bytes.length <= messageBytesMax && isUtf8(bytes) ? bytes.toString('utf8') : null
}

/** saslname: `,` and `=` are sent as =2C and =3D; null for any other `=`. */
function decodeName(name: string): string | null {
  if (/=(?!2C|3D)/.test(name)) return null
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}
