import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { compileSieve } from './compile.ts'
import { evaluateSieve, type MessageFacts, type SieveOutcome } from './evaluate.ts'
import { sieveLimits } from './limits.ts'
import { matchesPattern, parsePattern } from './match.ts'

const headers: Record<string, string[]> = {
  subject: ['Weekly Sale: 50% off*'],
  from: ['Bob <bob@Shop.example>'],
  to: ['ann+news@demo.test, carl@demo.test'],
  received: ['one', 'two', 'three'],
  'x-score': ['0012'],
  'x-empty': [''],
}

const facts: MessageFacts = {
  header: (name) => headers[name] ?? [],
  addresses: (name) =>
    (headers[name] ?? []).flatMap((value) =>
      [...value.matchAll(/([\w+]+)@([\w.]+)/g)].map(([, localPart = '', domain = '']) => ({
        localPart,
        domain,
      })),
    ),
  envelope: {
    from: { localPart: 'bounce+1', domain: 'shop.example' },
    to: { localPart: 'ann+news', domain: 'demo.test' },
  },
  sizeBytes: 10_240,
  hasFolder: (path) => path === 'Lists',
}

const everything =
  'require ["fileinto","envelope","copy","mailbox","imap4flags","subaddress","relational","vacation","comparator-i;ascii-numeric"];'

function run(script: string, about: MessageFacts = facts): SieveOutcome {
  const compiled = compileSieve(everything + script)
  assert.deepEqual(compiled.ok ? [] : compiled.problems, [])
  assert.ok(compiled.ok)
  return evaluateSieve(compiled.program, about)
}

/** As `fileinto Lists +Seen`, with `keep` for the implicit one. */
function told({ actions, implicitKeep, failure }: SieveOutcome): string[] {
  const flagsOf = (flags: readonly string[]) => flags.map((flag) => ` +${flag}`).join('')
  const words = actions.map((action) => {
    if (action.kind === 'fileinto') return `fileinto ${action.folder}${flagsOf(action.flags)}`
    if (action.kind === 'keep') return `keep${flagsOf(action.flags)}`
    return action.kind === 'redirect' ? `redirect ${action.address}` : action.kind
  })
  return [
    ...words,
    ...(implicitKeep ? [`implicit${flagsOf(implicitKeep.flags)}`] : []),
    ...(failure ? ['failed'] : []),
  ]
}

const truths: [test: string, holds: boolean][] = [
  ['true', true],
  ['false', false],
  ['not false', true],
  ['allof (true, false)', false],
  ['anyof (false, true)', true],
  ['exists "subject"', true],
  ['exists ["subject", "x-none"]', false],
  ['size :over 10K', false],
  ['size :under 10K', false],
  ['size :over 9K', true],
  ['header "Subject" "weekly sale: 50% OFF*"', true],
  ['header :comparator "i;octet" "Subject" "weekly sale: 50% off*"', false],
  ['header :contains "subject" ["nothing", "SALE"]', true],
  ['header :contains "subject" ""', true],
  ['header :contains "x-none" ""', false],
  ['header :matches "subject" "*sale*"', true],
  ['header :matches "subject" "Weekly ?ale*"', true],
  ['header :matches "subject" "*off\\\\*"', true],
  ['header :matches "subject" "*sale\\\\*"', false],
  ['header :matches "subject" "sale*"', false],
  ['header "x-empty" ""', true],
  ['header :value "gt" :comparator "i;ascii-numeric" "x-score" "5"', true],
  ['header :value "lt" "x-score" "5"', true],
  ['header :value "eq" :comparator "i;ascii-numeric" "x-score" "12"', true],
  ['header :value "lt" :comparator "i;ascii-numeric" "subject" "99999"', false],
  ['header :count "ge" :comparator "i;ascii-numeric" "received" "3"', true],
  ['header :count "gt" "received" "3"', false],
  ['address "from" "bob@shop.example"', true],
  ['address :domain "from" "SHOP.EXAMPLE"', true],
  ['address :localpart "to" "carl"', true],
  ['address :user "to" "ann"', true],
  ['address :detail "to" "news"', true],
  ['address :detail "from" ""', false],
  ['address :count "eq" "to" "2"', true],
  ['envelope :domain "from" "shop.example"', true],
  ['envelope :detail "from" "1"', true],
  ['envelope ["from", "to"] "ann+news@demo.test"', true],
  ['mailboxexists "Lists"', true],
  ['mailboxexists ["Lists", "None"]', false],
  ['hasflag "x"', false],
]
describe('tests', () => {
  for (const [text, holds] of truths) {
    test(`${text} is ${holds}`, () => {
      assert.deepEqual(told(run(`if ${text} { discard; }`)), [holds ? 'discard' : 'implicit'])
    })
  }
})

const scripts: [script: string, comesTo: string[]][] = [
  ['', ['implicit']],
  ['keep;', ['keep']],
  ['discard;', ['discard']],
  ['stop; discard;', ['implicit']],
  ['if true { stop; } discard;', ['implicit']],
  ['fileinto "Lists";', ['fileinto Lists']],
  ['fileinto :copy "Lists";', ['fileinto Lists', 'implicit']],
  ['fileinto "A"; keep;', ['fileinto A', 'keep']],
  ['redirect "x@y.example";', ['redirect x@y.example']],
  ['redirect :copy "x@y.example";', ['redirect x@y.example', 'implicit']],
  ['if false { discard; } elsif true { fileinto "B"; } else { keep; }', ['fileinto B']],
  ['if false { discard; } else { fileinto "C"; }', ['fileinto C']],
  ['addflag "\\\\Seen"; addflag ["\\\\seen", "a b"]; keep;', ['keep +\\seen +a +b']],
  ['setflag "a"; setflag "b"; removeflag "B"; addflag "c";', ['implicit +c']],
  ['addflag "a"; fileinto :flags "z" "Z"; fileinto "Y";', ['fileinto Z +z', 'fileinto Y +a']],
  ['addflag "a"; if hasflag :contains "A" { discard; }', ['discard']],
  ['vacation "away";', ['vacation', 'implicit']],
  ['vacation "away"; vacation "again";', ['implicit', 'failed']],
  ['redirect "a@b.example";'.repeat(4), Array.from({ length: 4 }, () => 'redirect a@b.example')],
  ['redirect "a@b.example";'.repeat(5), ['implicit', 'failed']],
  ['keep;'.repeat(sieveLimits.actionsMax + 1), ['implicit', 'failed']],
]
describe('scripts', () => {
  for (const [script, comesTo] of scripts) {
    test(script.slice(0, 80) || 'nothing', () => assert.deepEqual(told(run(script)), comesTo))
  }
})

test('the null sender is an empty text, and counts as none', () => {
  const bounce = { ...facts, envelope: { ...facts.envelope, from: null } }
  assert.deepEqual(told(run('if envelope "from" "" { discard; }', bounce)), ['discard'])
  assert.deepEqual(told(run('if envelope :count "eq" "from" "0" { discard; }', bounce)), ['discard'])
})

test('a failure says where', () => {
  assert.deepEqual(run('\nkeep;\n  redirect "a@b.example";'.repeat(5)).failure?.line, 11)
})

/** As the RFC says it, without any thought of time. */
function naive(pattern: readonly (string | symbol)[], text: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return text.length === 0
  if (first === parsePattern('*')[0]) {
    return Array.from({ length: text.length + 1 }, (_, at) => at).some((at) => naive(rest, text.slice(at)))
  }
  if (text.length === 0) return false
  return (first === parsePattern('?')[0] || first === text[0]) && naive(rest, text.slice(1))
}

test(':matches agrees with a naive model', () => {
  const budget = { spend: () => undefined }
  const key = fc
    .array(fc.constantFrom('a', 'b', '*', '?', '\\', '😀'), { maxLength: 8 })
    .map((all) => all.join(''))
  const text = fc.array(fc.constantFrom('a', 'b', '*', '\\', '😀'), { maxLength: 8 })
  fc.assert(
    fc.property(key, text, (pattern, characters) => {
      const parsed = parsePattern(pattern)
      assert.equal(matchesPattern(parsed, characters, budget), naive(parsed, characters))
    }),
    { numRuns: 5000 },
  )
})

test('wildcards that would take for ever end the script, and the message is kept', () => {
  const long = 'a'.repeat(60_000)
  const hard = { ...facts, header: () => Array.from({ length: 50 }, () => long) }
  const keys = Array.from({ length: 200 }, (_, n) => `"${'*a'.repeat(100)}${n}b"`).join(',')
  const before = performance.now()
  const outcome = run(`if header :matches "subject" [${keys}] { discard; }`, hard)
  assert.ok(performance.now() - before < 3000)
  assert.deepEqual(told(outcome), ['implicit', 'failed'])
  assert.match(outcome.failure?.detail ?? '', /too long/)
})
