import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { dnsClasses, dnsTypes, encodeMessage, encodeRecord, parseMessage } from './message.ts'
import {
  checkTsig,
  createAnswerVerifier,
  detachTsig,
  refuseTsig,
  type SignedMessage,
  signMessage,
  type TsigKey,
  tsigAlgorithms,
  tsigErrors,
  type Verdict,
} from './tsig.ts'

const now = 1_800_000_000
const key: TsigKey = {
  name: 'transfer.key',
  algorithm: 'hmac-sha256',
  secret: Buffer.from('0123456789abcdef'),
}
const other: TsigKey = { ...key, secret: Buffer.from('fedcba9876543210') }

function query(name = 'example.com'): Buffer {
  const questions = [{ name, type: dnsTypes.AXFR, class: dnsClasses.IN }]
  return encodeMessage({ id: 4711, flags: 0, questions })
}

function detached(bytes: Buffer): SignedMessage {
  const message = parseMessage(bytes)
  const signed = message && detachTsig(bytes, message)
  assert.ok(signed && signed !== 'malformed')
  return signed
}

function errorOf(verdict: Verdict): number {
  return verdict.ok ? 0 : verdict.error
}

test('what was signed is believed, with each algorithm, and comes off as it was', () => {
  for (const algorithm of tsigAlgorithms) {
    const { message } = signMessage(query(), { ...key, algorithm }, { nowSeconds: now })
    const signed = detached(message)
    assert.deepEqual(signed.unsigned, query())
    assert.equal(errorOf(checkTsig(signed, { ...key, algorithm }, now)), 0, algorithm)
  }
})

const checks: [what: string, key: TsigKey | undefined, at: number, want: number][] = [
  ['an unknown key', undefined, now, tsigErrors.BADKEY],
  ['another secret', other, now, tsigErrors.BADSIG],
  ['another algorithm', { ...key, algorithm: 'hmac-sha512' }, now, tsigErrors.BADKEY],
  ['a clock within the fudge', key, now + 300, 0],
  ['a clock that is too late', key, now + 301, tsigErrors.BADTIME],
  ['a clock that is too early', key, now - 301, tsigErrors.BADTIME],
]
for (const [what, theirs, at, want] of checks) {
  test(`checked with ${what}`, () => {
    const { message } = signMessage(query(), key, { nowSeconds: now })
    assert.equal(errorOf(checkTsig(detached(message), theirs, at)), want)
  })
}

test('a MAC that was cut is refused: as none below half, else by policy', () => {
  const signed = detached(signMessage(query(), key, { nowSeconds: now }).message)
  const cut = (bytes: number): SignedMessage => ({
    ...signed,
    fields: { ...signed.fields, mac: signed.fields.mac.subarray(0, bytes) },
  })
  assert.equal(errorOf(checkTsig(cut(15), key, now)), tsigErrors.BADSIG)
  assert.equal(errorOf(checkTsig(cut(16), key, now)), tsigErrors.BADTRUNC)
  assert.equal(errorOf(checkTsig(cut(0), key, now)), tsigErrors.BADSIG)
})

test('no byte of a signed message can be changed but those of the id', () => {
  const { message } = signMessage(query(), key, { nowSeconds: now })
  fc.assert(
    fc.property(fc.nat(message.length - 3), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const forged = Buffer.from(message)
      forged.writeUInt8((message[at + 2] ?? 0) ^ change, at + 2)
      const parsed = parseMessage(forged)
      const signed = parsed && detachTsig(forged, parsed)
      if (!signed || signed === 'malformed') return
      const isSame = signed.unsigned.equals(query()) && signed.fields.mac.equals(detached(message).fields.mac)
      // Letters' case is no change: names are compared and digested in lower case.
      const verdict = checkTsig(signed, key, now)
      if (verdict.ok) assert.ok(isSame)
    }),
  )
})

test('a TSIG that is not last, or not alone, is malformed', () => {
  const { message } = signMessage(query(), key, { nowSeconds: now })
  const opt = encodeRecord({ owner: '', type: dnsTypes.OPT, class: 1232, ttl: 0, rdata: Buffer.alloc(0) })
  const behind = Buffer.concat([message, opt])
  behind.writeUInt16BE(2, 10)
  const twice = signMessage(message, key, { nowSeconds: now }).message
  for (const bytes of [behind, twice]) {
    const parsed = parseMessage(bytes)
    assert.equal(parsed && detachTsig(bytes, parsed), 'malformed')
  }
})

test('a refusal is signed only for who has the key, and then tells the time', () => {
  const reply = encodeMessage({ id: 4711, flags: 0x8009, questions: [] })
  const request = signMessage(query(), key, { nowSeconds: now - 1000 })
  const signed = detached(request.message)
  const late = checkTsig(signed, key, now)
  const forged = checkTsig(signed, other, now)
  assert.ok(!late.ok && !forged.ok)
  const told = detached(refuseTsig(reply, signed, late, key, now))
  assert.equal(told.fields.other.readUIntBE(0, 6), now)
  assert.equal(told.fields.error, tsigErrors.BADTIME)
  assert.equal(errorOf(checkTsig(told, key, now - 1000, { priorMac: request.mac, isContinuation: false })), 0)
  const unsigned = detached(refuseTsig(reply, signed, forged, other, now))
  assert.deepEqual([unsigned.fields.error, unsigned.fields.mac.length], [tsigErrors.BADSIG, 0])
})

test('a stream is believed as a whole: with unsigned messages between, in order, and to its end', () => {
  const requestMac = signMessage(query(), key, { nowSeconds: now }).mac
  const parts = Array.from({ length: 5 }, (_, id) => encodeMessage({ id, flags: 0x8400, questions: [] }))
  const first = signMessage(parts[0] ?? query(), key, { nowSeconds: now, priorMac: requestMac })
  const second = signMessage(parts[1] ?? query(), key, {
    nowSeconds: now,
    priorMac: first.mac,
    isContinuation: true,
  })
  const verifier = createAnswerVerifier(key, requestMac)
  assert.ok(!verifier.isComplete())
  assert.ok(verifier.accept(first.message, now))
  assert.ok(verifier.accept(second.message, now))
  assert.ok(verifier.isComplete())
  assert.ok(verifier.accept(parts[2] ?? query(), now))
  assert.ok(!verifier.isComplete())
  const swapped = createAnswerVerifier(key, requestMac)
  assert.ok(!swapped.accept(second.message, now))
  const unsignedFirst = createAnswerVerifier(key, requestMac)
  assert.ok(!unsignedFirst.accept(parts[0] ?? query(), now))
})

test('bytes that are no message are none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      const message = parseMessage(Buffer.from(bytes))
      if (message !== null) detachTsig(Buffer.from(bytes), message)
    }),
  )
})
