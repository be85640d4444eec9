/** docs/mcp.md says what the code does. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before, test } from 'node:test'
import { waitSecondsMax } from '../messages/waiting/wait.ts'
import { mcpLimits } from './limits.ts'
import { tools } from './tools.ts'

let page: string
before(async () => {
  page = await readFile(new URL('../../docs/mcp.md', import.meta.url), 'utf8')
})

test('the table has every tool, in its order, and whether it changes anything', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (reads|changes) \| /gm)].map(([, name, what]) => [
    name,
    what,
  ])
  assert.deepEqual(
    rows,
    tools.map(({ name, access }) => [name, access === 'read' ? 'reads' : 'changes']),
  )
})

test('what it says of bounds and of keys for repeated calls is so', () => {
  assert.equal(mcpLimits.bodyBytesMax, 8 * 1024 ** 2)
  assert.equal(mcpLimits.runningPerCallerMax, 50)
  assert.equal(waitSecondsMax, 120)
  for (const { name, access, listed } of tools) {
    assert.equal('idempotency_key' in (listed.inputSchema.properties ?? {}), access === 'write', name)
  }
})

test('its examples of configurations are JSON', () => {
  const blocks = [...page.matchAll(/^```json\n(.*?)^```/gms)]
  assert.equal(blocks.length, 3)
  for (const [, json = ''] of blocks) JSON.parse(json)
})
