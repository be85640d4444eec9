/** Every reply of the corpus, and every rule of the table. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Classified, classifyBy, classifyReply, type RemoteReply } from './classify.ts'
import { rules } from './rules.ts'

const stages = [
  'dns',
  'connect',
  'greeting',
  'ehlo',
  'tls',
  'auth',
  'mail',
  'rcpt',
  'data',
  'message',
] as const

type Row = { line: string; reply: RemoteReply; want: string }

const rowPattern =
  /^(\w+) \| (\d{3})[ -](?:([245]\.\d+\.\d+)\b ?)?(.*) ?=> (\w+ (?:permanent|transient) \w+)$/

const rows: Row[] = readFileSync(new URL('./corpus.txt', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => {
    const [, stageName, code, enhanced = null, text = '', want = ''] = rowPattern.exec(line) ?? []
    const stage = stages.find((one) => one === stageName)
    assert.ok(stage, `a line of the corpus cannot be read: ${line}`)
    const reply = { code: Number(code), enhanced, text: text.trim().replaceAll('\\n', '\n'), stage }
    return { line, reply, want }
  })

function said({ class: bounceClass, isPermanent, concerns }: Classified): string {
  return `${bounceClass} ${isPermanent ? 'permanent' : 'transient'} ${concerns}`
}

test(`${rows.length} replies`, () => {
  const wrong = rows.flatMap(({ line, reply, want }) => {
    const is = said(classifyReply(reply))
    return is === want ? [] : [`${line}\n  is ${is}`]
  })
  assert.equal(wrong.length, 0, wrong.join('\n'))
})

test('no reply stands twice in the corpus', () => {
  assert.ok(rows.length >= 250)
  assert.equal(new Set(rows.map(({ line }) => line)).size, rows.length)
})

test('every rule is needed: without it a reply of the corpus would be taken for something else', () => {
  const unneeded = rules.filter((_, at) => {
    const others = rules.toSpliced(at, 1)
    return rows.every(({ reply, want }) => said(classifyBy(others, reply)) === want)
  })
  assert.deepEqual(unneeded, [])
})

test('any reply has a class', () => {
  const anyReply = fc.record({
    code: fc.oneof(fc.constant(0), fc.integer({ min: 400, max: 599 })),
    enhanced: fc.oneof(fc.constant(null), fc.stringMatching(/^[45]\.\d{1,3}\.\d{1,3}$/)),
    text: fc.string({ unit: 'binary', maxLength: 500 }),
    stage: fc.constantFrom(...stages),
  })
  fc.assert(
    fc.property(anyReply, (reply) => {
      const { class: bounceClass, concerns } = classifyReply(reply)
      assert.ok(bounceClass.length > 0 && concerns.length > 0)
    }),
  )
})
