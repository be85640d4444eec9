/** What was asked for at sequencers, whichever export asked for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../platform/ids.ts'
import {
  connectTool,
  createTool,
  exportTo,
  makeMailboxes,
  startSequencerPlatform,
  useTool,
  workOff,
} from '../testing/test-sequencers.ts'
import { type ExportedFilter, listExportedMailboxes } from './export-pages.ts'

test('mailboxes of exports are found by each filter, the newest export first, in parts', async () => {
  await using house = await startSequencerPlatform()
  const { platform, scope } = house
  const tool = createTool()
  useTool(platform, tool)
  const [one, two] = [await connectTool(house, tool), await connectTool(house, tool)]
  const mailboxes = await makeMailboxes(house, 3)
  const [a = '', b = '', c = ''] = mailboxes.map(({ id }) => id)
  const first = await exportTo(house, one.id, [a, b])
  await workOff(platform, one.id)
  const second = await exportTo(house, two.id, [c, a])
  const found = async (wanted: Partial<ExportedFilter>, limit = 10, offset = 0): Promise<string[]> => {
    const filter = { sequencerId: null, mailboxIds: null, items: null, states: null, ...wanted }
    const rows = await listExportedMailboxes(platform, scope, filter, { limit, offset })
    return rows.map(
      ({ export_id, mailbox_id }) =>
        `${export_id === first.id ? 1 : 2}${'abc'[[a, b, c].indexOf(mailbox_id)]}`,
    )
  }
  assert.deepEqual(await found({}), ['2c', '2a', '1a', '1b'])
  assert.deepEqual(await found({}, 2, 1), ['2a', '1a'])
  assert.deepEqual(await found({ sequencerId: one.id }), ['1a', '1b'])
  assert.deepEqual(await found({ mailboxIds: [a, 'nonsense'] }), ['2a', '1a'])
  assert.deepEqual(await found({ mailboxIds: [] }), [])
  assert.deepEqual(await found({ states: ['done'] }), ['1a', '1b'])
  assert.deepEqual(await found({ states: ['waiting', 'failed'] }), ['2c', '2a'])
  const items = [
    { exportId: second.id, mailboxId: a },
    { exportId: first.id, mailboxId: c },
    { exportId: 'nonsense', mailboxId: a },
  ]
  assert.deepEqual(await found({ items }), ['2a'])
  await assert.rejects(found({ sequencerId: newId() }), /Sequencer not found/)
  const filter = { sequencerId: null, mailboxIds: null, items: null, states: null }
  const elsewhere = { ...scope, workspaceId: newId() }
  assert.deepEqual(await listExportedMailboxes(platform, elsewhere, filter, { limit: 10, offset: 0 }), [])
})
