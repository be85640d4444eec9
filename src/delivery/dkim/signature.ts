/**
 * DKIM signatures (RFC 6376, RFC 8463; decision 0025). RSA runs on the thread pool, because one signature would keep
 * the event loop from everything else for a third of a millisecond.
 */
import { createHash, type KeyObject, sign } from 'node:crypto'
import type { DkimSigner } from '../../domains/dkim-keys.ts'
import type { MessageDigest, RawField } from './message-digest.ts'
import { relaxedField } from './relaxed.ts'
import { signedFields } from './signed-fields.ts'

const lineLengthMax = 76

/**
 * A DKIM-Signature field with its CRLF.
 * @param at the time of signing, for `t=`.
 */
export async function signatureField(signer: DkimSigner, message: MessageDigest, at: Date): Promise<string> {
  const { names, fields } = coverage(message.fields)
  const tags = [
    'v=1',
    `a=${signer.algorithm}`,
    'c=relaxed/relaxed',
    `d=${signer.domain}`,
    `s=${signer.selector}`,
    `t=${Math.floor(at.getTime() / 1000)}`,
  ]
  const unsigned = [
    `DKIM-Signature: ${tags.slice(0, 3).join('; ')};`,
    ` ${tags.slice(3).join('; ')};`,
    ...foldNames(names),
    ` bh=${message.bodyHash};`,
    ' b=',
  ].join('\r\n')
  // §3.7: the fields in the order of h=, and then this one with an empty b= and no line end.
  const hashed = [...fields.map(({ raw }) => relaxedField(raw)), relaxedField(unsigned)].join('\r\n')
  const signature = await signData(signer, Buffer.from(hashed, 'latin1'))
  return `${unsigned}${signature.match(/.{1,72}/g)?.join('\r\n ') ?? ''}\r\n`
}

/** What `h=` names, and the fields that are there: of several of a name the last comes first (§5.4.2). */
function coverage(fields: readonly RawField[]): { names: string[]; fields: RawField[] } {
  const byName = Map.groupBy(fields, ({ name }) => name)
  const names: string[] = []
  const covered: RawField[] = []
  for (const [name, rule] of Object.entries(signedFields)) {
    const present = byName.get(name) ?? []
    covered.push(...present.toReversed())
    const once = rule === 'always' || (rule === 'present' && present.length > 0) ? 1 : 0
    for (let count = present.length + once; count > 0; count--) names.push(name)
  }
  return { names, fields: covered }
}

/** `h=`, folded between names. */
function foldNames(names: readonly string[]): string[] {
  const lines: string[] = []
  let line = ' h='
  for (const [index, name] of names.entries()) {
    const word = `${name}${index === names.length - 1 ? ';' : ':'}`
    if (line.length + word.length > lineLengthMax) {
      lines.push(line)
      line = ' '
    }
    line += word
  }
  return [...lines, line]
}

async function signData({ algorithm, privateKey }: DkimSigner, data: Buffer): Promise<string> {
  if (algorithm === 'rsa-sha256') return (await signRsa(data, privateKey)).toString('base64')
  // RFC 8463 §3: the hash is what is signed. It takes less time than the way to another thread.
  return sign(null, createHash('sha256').update(data).digest(), privateKey).toString('base64')
}

function signRsa(data: Buffer, key: KeyObject): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign('sha256', data, key, (error, signature) => (error ? reject(error) : resolve(signature)))
  })
}
