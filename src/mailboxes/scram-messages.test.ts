import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseClientFinal, parseClientFirst } from './scram-messages.ts'

const firsts: [text: string, want: string][] = [
  ['n,,n=user,r=abc', 'n - user'],
  ['y,,n=user,r=abc', 'y - user'],
  ['p=tls-exporter,,n=user,r=abc', 'p=tls-exporter - user'],
  ['n,a=other,n=user,r=abc', 'n other user'],
  ['n,,n=us=2Cer=3D,r=abc', 'n - us,er='],
  ['n,a==2C,n==3D2C,r=abc', 'n , =2C'],
  ['n,,n=ü,r=abc', 'n - ü'],
  ['n,,n=user,r=abc,x=extension,y=another', 'n - user'],
  ['n,,m=must,n=user,r=abc', 'extensions-not-supported'],
  ['n,,n=user,r=abc,m=must', 'extensions-not-supported'],
  ['n,,n=us=er,r=abc', 'invalid-username-encoding'],
  ['n,,n=us=2cer,r=abc', 'invalid-username-encoding'],
  ['n,a==,n=user,r=abc', 'invalid-username-encoding'],
  ['', 'malformed'],
  ['x,,n=user,r=abc', 'malformed'],
  ['F,n,,n=user,r=abc', 'malformed'],
  ['n,n=user,r=abc', 'malformed'],
  ['p,,n=user,r=abc', 'malformed'],
  ['p=,,n=user,r=abc', 'malformed'],
  ['n,a=,n=user,r=abc', 'malformed'],
  ['n,,r=abc,n=user', 'malformed'],
  ['n,,n=,r=abc', 'malformed'],
  ['n,,n=user,r=', 'malformed'],
  ['n,,n=user,r=a b', 'malformed'],
  ['n,,n=user,r=abc,', 'malformed'],
  ['n,,n=us\0er,r=abc', 'malformed'],
  [`n,,n=user,r=${'a'.repeat(5000)}`, 'malformed'],
]
for (const [text, want] of firsts) {
  test(`client-first ${text.slice(0, 50)}`, () => {
    const parsed = parseClientFirst(Buffer.from(text))
    if (parsed.kind !== 'parsed')
      return assert.equal(parsed.kind === 'error' ? parsed.error : 'malformed', want)
    const { flag, authorizationId, username, gs2Header, bare } = parsed.message
    assert.equal(
      `${flag.kind === 'p' ? `p=${flag.type}` : flag.kind} ${authorizationId ?? '-'} ${username}`,
      want,
    )
    assert.equal(gs2Header + bare, text)
  })
}

test('client-first that is not UTF-8', () => {
  assert.equal(parseClientFirst(Buffer.from('n,,n=\xff,r=abc', 'latin1')).kind, 'malformed')
})

const finals: [text: string, want: string][] = [
  ['c=biws,r=abc,p=AAAA', 'parsed'],
  ['c=biws,r=abc,x=extension,p=AAAA', 'parsed'],
  ['c=biws,r=abc,m=must,p=AAAA', 'extensions-not-supported'],
  ['c=biws,r=abc', 'malformed'],
  ['r=abc,c=biws,p=AAAA', 'malformed'],
  ['c=biws,p=AAAA,r=abc', 'malformed'],
  ['c=biw,r=abc,p=AAAA', 'malformed'],
  ['c=biws,r=abc,p=AAAA,x=late', 'malformed'],
  ['', 'malformed'],
]
for (const [text, want] of finals) {
  test(`client-final ${text}`, () => {
    const parsed = parseClientFinal(Buffer.from(text))
    assert.equal(parsed.kind === 'error' ? parsed.error : parsed.kind, want)
    if (parsed.kind !== 'parsed') return
    assert.equal(`${parsed.message.withoutProof},p=AAAA`, text)
    assert.equal(parsed.message.channelBinding.toString(), 'n,,')
    assert.equal(parsed.message.nonce, 'abc')
  })
}

test('any bytes are read or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      parseClientFirst(Buffer.from(bytes))
      parseClientFinal(Buffer.from(bytes))
    }),
  )
})
