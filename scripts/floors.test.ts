import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkFloors } from './floors.ts'
import { readSources } from './sources.ts'

/** A file that imports one thing; `want` is part of the reason, or null when the import is allowed. */
const rows: [file: string, imported: string, want: string | null][] = [
  // Down is allowed, up is not.
  ['src/mailboxes/a.ts', '../domains/b.ts', null],
  ['src/mailboxes/a.ts', '../platform/b.ts', null],
  ['src/mailboxes/a.ts', './b.ts', null],
  ['src/mailboxes/engines/local/a.ts', '../../../domains/b.ts', null],
  ['src/domains/a.ts', '../mailboxes/b.ts', 'mailboxes is above domains'],
  ['src/platform/a.ts', '../accounts/tables.ts', 'accounts is above platform'],
  ['src/delivery/a.ts', '../webhooks/b.ts', 'webhooks is above delivery'],
  ['src/delivery/a.ts', '../protocols/smtp/b.ts', 'protocols/smtp is above delivery'],
  ['src/api/a.ts', '../server.ts', 'the top of src is above api'],
  ['src/server.ts', './main.ts', 'src/main.ts is above the top of src'],
  ['src/main.ts', './server.ts', null],
  ['src/server.ts', './api/a.ts', null],
  ['src/demo.ts', './server.ts', null],
  // Side by side.
  ['src/webhooks/a.ts', '../delivery/b.ts', null],
  ['src/webhooks/a.ts', '../sequencers/b.ts', 'side by side'],
  ['src/sequencers/a.ts', '../webhooks/b.ts', 'side by side'],
  ['src/api/a.ts', '../sequencers/b.ts', null],
  // Faces.
  ['src/protocols/imap/a.ts', './commands/b.ts', null],
  ['src/protocols/imap/commands/a.ts', '../b.ts', null],
  ['src/protocols/imap/a.ts', '../smtp/b.ts', 'faces do not import each other'],
  ['src/protocols/imap/a.ts', '../lines.ts', null],
  ['src/protocols/lines.ts', './imap/b.ts', 'faces do not import each other'],
  ['src/protocols/imap/a.ts', '../../dialects/lines.ts', 'faces do not import each other'],
  ['src/api/a.ts', '../mcp/b.ts', 'faces do not import each other'],
  ['src/dialects/inkbox/a.ts', '../zapmail/b.ts', 'faces do not import each other'],
  ['src/dialects/inkbox/a.ts', '../../api/b.ts', 'faces do not import each other'],
  ['src/mcp/a.ts', '../messages/b.ts', null],
  // The list of migrations.
  ['src/open-platform.ts', './migrations.ts', null],
  ['src/cli/migrate.ts', '../server.ts', null],
  ['src/server.ts', './cli/serve.ts', 'point up'],
  ['src/main.ts', './cli/serve.ts', null],
  ['src/main.ts', './migrations.ts', 'the list of migrations'],
  ['src/testing/database.ts', '../migrations.ts', null],
  ['test/crash.test.ts', '../src/migrations.ts', null],
  ['src/demo.ts', './migrations.ts', 'the list of migrations'],
  // Tests and their helpers.
  ['src/domains/a.test.ts', '../testing/b.ts', null],
  ['src/domains/a.test.ts', '../mailboxes/b.ts', 'mailboxes is above domains'],
  ['src/domains/a.ts', '../testing/b.ts', 'for tests and benchmarks'],
  ['src/server.ts', './testing/b.ts', 'for tests and benchmarks'],
  ['src/testing/a.ts', '../main.ts', null],
  ['src/testing/a.ts', '../protocols/smtp/b.ts', null],
  ['bench/a.ts', '../src/testing/b.ts', null],
  ['scripts/a.ts', '../src/testing/b.ts', 'for tests and benchmarks'],
  ['scripts/a.ts', '../src/platform/errors.ts', null],
  ['src/domains/a.ts', './b.test.ts', 'a test is not for others'],
  ['test/a.ts', './b.test.ts', 'a test is not for others'],
  // Out of the house.
  ['src/domains/a.ts', '../../test/b.ts', 'src/ stands alone'],
  ['src/domains/a.ts', '../../web/b.ts', 'src/ stands alone'],
  ['src/main.ts', '../package.json', null],
  ['src/helpers/a.ts', '../platform/b.ts', 'src/helpers/ has no floor'],
  ['src/main.ts', './helpers/b.ts', 'src/helpers/ has no floor'],
  // Packages.
  ['src/mailboxes/a.ts', 'fastify', 'knows no HTTP'],
  ['src/mailboxes/a.ts', '@fastify/type-provider-typebox', 'knows no HTTP'],
  ['src/webhooks/a.ts', 'fastify', 'knows no HTTP'],
  ['src/delivery/a.ts', 'smtp-server', 'knows no wire protocol'],
  ['src/delivery/a.ts', 'nodemailer', null],
  ['src/domains/a.ts', 'node:http', 'knows no HTTP'],
  ['src/sequencers/a.ts', 'node:https', 'knows no HTTP'],
  ['src/domains/registrars/a.ts', 'node:https', null],
  ['src/domains/dns-hosts/a.ts', 'node:https', null],
  ['src/billing/payments/stripe/a.ts', 'node:http', null],
  ['src/webhooks/a.ts', 'node:http', null],
  ['src/webhooks/a.ts', 'node:http', null],
  ['src/platform/a.ts', 'node:http', null],
  ['src/api/a.ts', 'fastify', null],
  ['src/protocols/smtp/a.ts', 'smtp-server', null],
]
for (const [file, imported, want] of rows) {
  test(`${file} imports ${imported}: ${want ?? 'allowed'}`, () => {
    const violations = checkFloors(new Map([[file, `import type { A } from '${imported}'`]]))
    assert.equal(violations.length, want === null ? 0 : 1, JSON.stringify(violations))
    if (want !== null) assert.ok(violations[0]?.reason.includes(want), violations[0]?.reason)
  })
}

test('a computed import() is refused in src and allowed in tests of the whole', () => {
  const source = 'await import(name)'
  const violations = checkFloors(
    new Map([
      ['src/server.ts', source],
      ['test/a.test.ts', source],
    ]),
  )
  assert.deepEqual(
    violations.map(({ file }) => file),
    ['src/server.ts'],
  )
})

test('a broken rule names the line and the import', () => {
  const source = `import { a } from './a.ts'\n\nexport {\n  b,\n} from '../api/b.ts'\n`
  const [violation] = checkFloors(new Map([['src/billing/c.ts', source]]))
  assert.equal(violation?.line, 3)
  assert.equal(violation?.imported, '../api/b.ts')
})

const trees: [name: string, tree: Record<string, string[]>, want: string[]][] = [
  ['a diamond is no cycle', { a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }, []],
  ['a file that imports itself', { a: ['a'] }, ['a -> a']],
  ['two files', { a: ['b'], b: ['a'] }, ['a -> b -> a']],
  ['a ring of three behind a file', { a: ['b'], b: ['c'], c: ['d'], d: ['b'] }, ['b -> c -> d -> b']],
  ['two rings', { a: ['b'], b: ['a'], c: ['d'], d: ['c'] }, ['a -> b -> a', 'c -> d -> c']],
]
for (const [name, tree, want] of trees) {
  test(`cycles: ${name}`, () => {
    const sources = Object.entries(tree).map(([file, imports]): [string, string] => [
      `src/domains/${file}.ts`,
      imports.map((other) => `import './${other}.ts'`).join('\n'),
    ])
    const reasons = checkFloors(new Map(sources)).map(({ reason }) => reason)
    assert.deepEqual(
      reasons.map((reason) => reason.replaceAll('src/domains/', '').replaceAll('.ts', '')),
      want.map((ring) => `closes a cycle: ${ring}`),
    )
  })
}

test('the repository itself is read', async () => {
  const sources = await readSources(['scripts', 'no-such-folder'])
  assert.ok(sources.get('scripts/floors.ts')?.includes('export function checkFloors'))
})
