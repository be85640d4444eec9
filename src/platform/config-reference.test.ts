import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { configurationReference } from './config-reference.ts'
import { configSchema } from './config-schema.ts'

test('docs/configuration.md is what `mailwright config` prints', async () => {
  const page = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  assert.equal(page, configurationReference(), 'run: node src/main.ts config > docs/configuration.md')
})

test('the page has one row for each variable, with its default', () => {
  const rows = configurationReference()
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  assert.deepEqual(
    rows.map((row) => row.split('`')[1]),
    Object.values(configSchema).map((one) => one.variable),
  )
  for (const row of rows) assert.equal(row.split(/(?<!\\)\|/).length, 5, row)
  assert.ok(rows.some((row) => row.includes('MAILWRIGHT_HTTP_PORT') && row.includes('`8080`')))
})
