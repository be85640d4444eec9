import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { dkimSign } from 'mailauth'
import { dkimVerify } from 'mailauth/lib/dkim/verify.js'
import { shareKeys } from './shared-keys.ts'

shareKeys()

type Pair = { privateKey: string; record: string }

function makePair(modulusLength = 2048): Pair {
  const pair = generateKeyPairSync('rsa', { modulusLength })
  const publicKey = pair.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
  const privateKey = String(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { privateKey, record: `v=DKIM1; k=rsa; p=${publicKey}` }
}

const domain = 'signer.example'
const pair = makePair()
const message = `From: a@${domain}\r\nTo: b@c.example\r\nSubject: Hello\r\n\r\nText\r\n`

async function signed({ privateKey }: Pair): Promise<string> {
  const signer = { signingDomain: domain, selector: 's', privateKey }
  const { signatures } = await dkimSign(message, { ...signer, signatureData: [signer] })
  return signatures + message
}

async function resultOf(raw: string, record: string | null, minBitLength = 1024): Promise<string> {
  const { results } = await dkimVerify(raw, {
    minBitLength,
    async resolver() {
      if (record === null) throw Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
      return [[record.slice(0, 200), record.slice(200)]]
    },
  })
  return results.map(({ status }) => status.result).join(' ')
}

test('a key that was read before verifies as it did, and what it did not sign fails', async () => {
  const raw = await signed(pair)
  assert.equal(await resultOf(raw, pair.record), 'pass')
  assert.equal(await resultOf(raw, pair.record), 'pass')
  assert.equal(await resultOf(raw.replace('Hello', 'Hullo'), pair.record), 'fail')
})

test('a key counts no longer than its record says it', async () => {
  const raw = await signed(pair)
  assert.equal(await resultOf(raw, pair.record), 'pass')
  const other = makePair()
  const cases: [string, string | null, string][] = [
    ['another key', other.record, 'fail'],
    ['withdrawn', 'v=DKIM1; k=rsa; p=', 'neutral'],
    ['gone', null, 'neutral'],
    ['another version', pair.record.replace('DKIM1', 'DKIM2'), 'neutral'],
    ['not for mail', `${pair.record}; s=other`, 'neutral'],
    ['another hash', `${pair.record}; h=sha1`, 'neutral'],
    ['as at first', pair.record, 'pass'],
  ]
  for (const [name, record, expected] of cases) assert.equal(await resultOf(raw, record), expected, name)
})

test('each caller has its own least key', async () => {
  const raw = await signed(pair)
  assert.equal(await resultOf(raw, pair.record, 1024), 'pass')
  assert.equal(await resultOf(raw, pair.record, 4096), 'policy')
})
