import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCommonPassword } from './common-passwords.ts'
import { passwordCharactersMin, passwordProblem } from './password-strength.ts'

const rule = {
  bytesMax: 256,
  known: ['tilmarine.lee@mail-shop.example.org', 'Tilmarine Lee', 'Jörg', null],
}

const taken = [
  'correct horse',
  'xk3-9fq-2mm',
  'pässwörter und mehr',
  'eine Eule im Regen',
  '😀 and 🐎 and 🔋',
  'sleepless-goose',
  'planetary mailer',
  '84720194',
  'ab12cd34ef',
  'Tr0ub4dor&3xyzzy',
  'tilting of the shop',
  'aaaaBQbbbbRW',
]
for (const password of taken) {
  test(`taken: ${password}`, () => assert.equal(passwordProblem(password, rule), null))
}

const length = /at least 8 characters/
const pattern = /repeated or sequential/
const common = /common one/
const own = /its own address/
const refused: [password: string, why: RegExp][] = [
  ['', length],
  ['short1!', length],
  ['😀'.repeat(7), length],
  ['ü'.repeat(129), /at most 256 bytes/],
  ['ten chars\n!', /control characters/],
  ['ten chars\u0000!', /control characters/],
  ['ten chars\u0085!', /control characters/],
  // Patterns; the first two are the examples of NIST SP 800-63B.
  ['aaaaaaaa', pattern],
  ['1234abcd', pattern],
  ['zyxwvuts', pattern],
  ['abcd4321zzzz', pattern],
  ['xk3xk3xk3', pattern],
  ['xk3-9fqxk3-9fq', pattern],
  ['😀'.repeat(8), pattern],
  // The list, in its disguises.
  ['password', common],
  ['PaSsWoRd', common],
  ['Password1!', common],
  ['!!1 password 2026', common],
  ['P@ssw0rd', common],
  ['p4$$w0rd!!', common],
  ['L3tm31n!!', common],
  ['1etmein2026', common],
  ['drowssap99', common],
  ['dr0wss@p', common],
  ['pässword', common],
  ['qwertyuiop', common],
  ['1qaz2wsx', common],
  ['football2024', common],
  ['1234567890', pattern],
  // What is known of the owner.
  ['tilmarine', own],
  ['Tilmarine2026!', own],
  ['tilmarine.lee', own],
  ['LeeTilmarine', own],
  ['t1lm4r1n3', own],
  ['eniramlit1', own],
  ['tilmarine@mail-shop', own],
  ['lee1987shop', own],
  ['example#lee', own],
  ['Joerg.Jörg', /./],
  ['jorg-jorg-lee', own],
  ['mailwright2026', own],
  ['leepassword', own],
]
for (const [password, why] of refused) {
  test(`refused: ${JSON.stringify(password.slice(0, 24))}`, () => {
    assert.match(passwordProblem(password, rule) ?? 'taken', why)
  })
}

test('a last label, and pieces of two letters, say nothing of the owner', () => {
  for (const address of ['jo.li@x.horse', 'correct@correct.horse']) {
    const problem = passwordProblem('horse of jo li', { bytesMax: 256, known: [address] })
    assert.equal(problem, null, address)
  }
  assert.match(passwordProblem('joli1234', { bytesMax: 256, known: ['jo.li@x.horse'] }) ?? '', own)
})

test('the list is the whole one', () => {
  for (const word of ['123456', 'password', 'qwerty', 'trustno1', 'iloveyou'])
    assert.ok(isCommonPassword(word))
  assert.equal(isCommonPassword('correct horse battery staple'), false)
})

test('any text gets a sentence or is taken, whatever is known', () => {
  const texts = fc.string({ unit: 'binary', maxLength: 300 })
  fc.assert(
    fc.property(texts, fc.array(fc.option(texts), { maxLength: 4 }), (password, known) => {
      const problem = passwordProblem(password, { bytesMax: 256, known })
      assert.ok(problem === null || /^The password .*\.$/.test(problem))
      if ([...password].length < passwordCharactersMin) assert.notEqual(problem, null)
    }),
  )
})

test('case, and digits and punctuation around it, do not make a common password a good one', () => {
  const decoration = fc.string({ unit: fc.constantFrom(...'0123456789!?.-_#%&* '), maxLength: 12 })
  const words = fc.constantFrom('password', 'football', 'sunshine', 'starwars', 'michelle')
  fc.assert(
    fc.property(
      decoration,
      words,
      fc.boolean(),
      fc.boolean(),
      decoration,
      (before, word, isUpper, isBack, after) => {
        const turned = isBack ? [...word].reverse().join('') : word
        const password = `${before}${isUpper ? turned.toUpperCase() : turned}${after}`
        assert.notEqual(passwordProblem(password, { bytesMax: 256, known: [] }), null, password)
      },
    ),
  )
})

test('what is generated at random is taken', () => {
  for (let round = 0; round < 2000; round += 1) {
    const password = randomBytes(12).toString('base64url')
    assert.equal(passwordProblem(password, rule), null, password)
  }
})
