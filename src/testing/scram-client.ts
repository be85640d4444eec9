/** For tests: the client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), on its own and not on the server's code. */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'

export type ScramClientOptions = {
  username: string
  password: string
  /** `n` and `y`, or a channel binding by its type. */
  binding?: 'n' | 'y' | { type: string; data: Buffer }
  authorizationId?: string
  nonce?: string
}

export type ScramClient = {
  first: Buffer
  /** @throws when the server's message is not one. */
  final(serverFirst: Buffer): Buffer
  /** Whether the server's last message proves that it knows the password. */
  verifies(serverFinal: Buffer): boolean
}

export function createScramClient(options: ScramClientOptions): ScramClient {
  const { username, password, binding = 'n', authorizationId } = options
  const name = (text: string): string => text.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const flag = typeof binding === 'string' ? binding : `p=${binding.type}`
  const header = `${flag},${authorizationId === undefined ? '' : `a=${name(authorizationId)}`},`
  const nonce = options.nonce ?? randomBytes(12).toString('base64url')
  const bare = `n=${name(username)},r=${nonce}`
  let serverSignature = ''
  return {
    first: Buffer.from(header + bare),
    final(serverFirst) {
      const text = serverFirst.toString()
      const [, wholeNonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(text) ?? []
      if (!wholeNonce.startsWith(nonce) || wholeNonce === nonce) throw new Error(`not a challenge: ${text}`)
      const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
      const clientKey = hmac(salted, 'Client Key')
      const data = typeof binding === 'string' ? Buffer.alloc(0) : binding.data
      const withoutProof = `c=${Buffer.concat([Buffer.from(header), data]).toString('base64')},r=${wholeNonce}`
      const signed = `${bare},${text},${withoutProof}`
      const signature = hmac(createHash('sha256').update(clientKey).digest(), signed)
      serverSignature = hmac(hmac(salted, 'Server Key'), signed).toString('base64')
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))
      return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
    },
    verifies: (serverFinal) => serverFinal.toString() === `v=${serverSignature}`,
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
