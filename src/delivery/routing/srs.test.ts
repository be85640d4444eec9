import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createVault, newMasterKey } from '../../platform/vault.ts'
import { looksRewritten, originalSender, rewriteSender, srsDaysMax, srsKeyOf } from './srs.ts'

const masterKey = newMasterKey()
const key = srsKeyOf(createVault(masterKey))
const now = new Date('2026-03-01T12:00:00Z')
const later = (days: number): Date => new Date(now.getTime() + days * 24 * 3600 * 1000)
const localPartOf = (path: string): string => path.slice(0, path.lastIndexOf('@'))

const atom = fc.stringMatching(/^[a-zA-Z0-9!#$%&'*/?^_`{|}~=+-]{1,20}$/)
const plainLocal = fc.array(atom, { minLength: 1, maxLength: 3 }).map((atoms) => atoms.join('.'))
const quotedLocal = fc.stringMatching(/^[ a-z@,.]{1,20}$/).map((text) => `"${text}"`)
const local = fc.oneof(plainLocal, quotedLocal).filter((text) => !looksRewritten(text))
const domain = fc.stringMatching(/^[a-z0-9]{1,12}\.(com|example|co\.uk)$/)

test('the reverse of a rewritten sender is the sender, for as long as it is good', () => {
  fc.assert(
    fc.property(local, domain, fc.nat(srsDaysMax), (name, host, days) => {
      const path = rewriteSender(`${name}@${host}`, 'here.example', key, now)
      assert.ok(path.endsWith('@here.example') && looksRewritten(path))
      assert.equal(originalSender(localPartOf(path), key, later(days)), `${name}@${host}`)
      assert.equal(originalSender(localPartOf(path), key, later(srsDaysMax + 1 + days)), null)
    }),
  )
})

test('any number of forwarders: the first of them gets the bounce, and the address does not grow', () => {
  const other = srsKeyOf(createVault(newMasterKey()))
  fc.assert(
    fc.property(local, domain, (name, host) => {
      const first = rewriteSender(`${name}@${host}`, 'one.example', other, now)
      const second = rewriteSender(first, 'two.example', key, now)
      const third = rewriteSender(second, 'three.example', other, now)
      assert.match(second, /^"?SRS1=/)
      assert.equal(second.length, third.length - 2)
      for (const [path, by] of [
        [second, key],
        [third, other],
      ] as const) {
        const back = originalSender(localPartOf(path), by, now)
        assert.equal(back, first)
        assert.equal(originalSender(localPartOf(back ?? ''), other, now), `${name}@${host}`)
      }
    }),
  )
})

test('one changed character is refused, and so is another platform’s key', () => {
  const path = localPartOf(rewriteSender('ann@example.com', 'here.example', key, now))
  const stranger = srsKeyOf(createVault(newMasterKey()))
  assert.equal(originalSender(path, stranger, now), null)
  fc.assert(
    fc.property(fc.nat(path.length - 1), fc.constantFrom(...'abxyz019=.'), (at, character) => {
      const changed = path.slice(0, at) + character + path.slice(at + 1)
      fc.pre(changed.toLowerCase() !== path.toLowerCase())
      assert.equal(originalSender(changed, key, now), null)
    }),
  )
})

test('whatever comes, it is read without an error', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      for (const start of ['SRS0=', 'srs1+', '"SRS0-', ''])
        assert.equal(originalSender(start + text, key, now), null)
    }),
  )
})

test('a server that changes the case of local parts does no harm', () => {
  const path = localPartOf(rewriteSender('ann@example.com', 'here.example', key, now))
  for (const changed of [path.toLowerCase(), path.toUpperCase()]) {
    assert.equal(originalSender(changed, key, now)?.toLowerCase(), 'ann@example.com')
  }
})

test('after a rotation of the master key old addresses are known', () => {
  const path = localPartOf(rewriteSender('ann@example.com', 'here.example', key, now))
  const rotated = srsKeyOf(createVault(`${newMasterKey()},${masterKey}`))
  assert.equal(originalSender(path, rotated, now), 'ann@example.com')
})

const unchanged: [mailFrom: string, want: string, why: string][] = [
  ['', '', 'the null sender stays'],
  ['ann@here.example', 'ann@here.example', 'a sender of the forwarding domain passes SPF as it is'],
  [
    `${'a'.repeat(64)}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(50)}.example`,
    '',
    'no path may be that long',
  ],
]
for (const [mailFrom, want, why] of unchanged) {
  test(why, () => assert.equal(rewriteSender(mailFrom, 'here.example', key, now), want))
}
