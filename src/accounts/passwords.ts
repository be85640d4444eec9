/** Passwords that people choose: argon2id (RFC 9106), in the usual encoded form. */
import { type Argon2Parameters, argon2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(argon2)

// RFC 9106 §4, the second recommended option, with OWASP's memory for servers that check many logins.
const memoryKib = 19_456
const passes = 2
const parallelism = 1
const tagBytes = 32
const saltBytes = 16

export const passwordBytesMax = 1024

/** Hashes a password. @returns `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(saltBytes)
  const tag = await tagOf(password, { salt, memoryKib, passes, parallelism })
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`
}

/** Checks a password against what hashPassword made. False also for a value of another form. */
export async function verifyPassword(password: string, encoded: string): Promise<boolean> {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(encoded)
  if (!match || Buffer.byteLength(password) > passwordBytesMax) return false
  const [, memory = '', time = '', lanes = '', salt = '', tag = ''] = match
  const expected = Buffer.from(tag, 'base64')
  const cost: Cost = {
    salt: Buffer.from(salt, 'base64'),
    memoryKib: Number(memory),
    passes: Number(time),
    parallelism: Number(lanes),
  }
  if (!isPayable(cost)) return false
  const actual = await tagOf(password, cost)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

type Cost = { salt: Buffer; memoryKib: number; passes: number; parallelism: number }

// RFC 9106 §3.1 has the least of each; the most is what a login may cost here.
function isPayable({ salt, memoryKib: memory, passes: times, parallelism: lanes }: Cost): boolean {
  return (
    salt.length >= 8 &&
    lanes >= 1 &&
    lanes <= 16 &&
    times >= 1 &&
    times <= 20 &&
    memory >= 8 * lanes &&
    memory <= 2 ** 20
  )
}

function tagOf(password: string, cost: Cost): Promise<Buffer> {
  const parameters: Argon2Parameters = {
    message: Buffer.from(password.normalize('NFC')),
    nonce: cost.salt,
    parallelism: cost.parallelism,
    tagLength: tagBytes,
    memory: cost.memoryKib,
    passes: cost.passes,
  }
  return derive('argon2id', parameters)
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
