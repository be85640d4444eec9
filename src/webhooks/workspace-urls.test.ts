/** The one URL of a workspace in the format of a vendor. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorkspace } from '../accounts/workspaces.ts'
import { transaction } from '../platform/database.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { setWebhookFormats, type WebhookFormat } from './formats.ts'
import { readWorkspaceUrls, setWorkspaceUrl } from './workspace-urls.ts'

const format: WebhookFormat = {
  name: 'of_the_test',
  types: ['it.happened'],
  signedBy: null,
  sourcesOf: () => [],
  payloadsOf: async () => [],
  headersOf: () => ({ sent: {}, shown: {} }),
}

async function start(): Promise<TestPlatform> {
  const house = await startTestPlatform()
  setWebhookFormats(house.platform, [format])
  return house
}

const set = (
  { platform, scope }: TestPlatform,
  url: string | null,
  settings: object = {},
  more: object = {},
) =>
  transaction(platform.db, (tx) =>
    setWorkspaceUrl(platform, tx, { ...scope, ...more }, format.name, { url, settings }),
  )

const rows = ({ platform }: TestPlatform) =>
  platform.db
    .selectFrom('webhooks')
    .select(['url', 'settings', 'state', 'event_types', 'deleted_at', 'paused_reason'])
    .where('format', '=', format.name)
    .orderBy('id')
    .execute()

test('it is set, set again with other settings, taken away, and set anew', async () => {
  await using house = await start()
  const { platform, scope } = house
  await set(house, null)
  assert.deepEqual(await rows(house), [])
  await set(house, 'https://a.example/', { by: 1 })
  await platform.db
    .updateTable('webhooks')
    .set({ state: 'paused', paused_reason: 'failing', consecutive_failures: 9 })
    .execute()
  await set(house, 'https://b.example/', { by: 2 })
  const [only, ...others] = await rows(house)
  assert.deepEqual(others, [])
  assert.deepEqual([only?.url, only?.settings, only?.state], ['https://b.example/', { by: 2 }, 'enabled'])
  assert.deepEqual([only?.event_types, only?.paused_reason], [['it.happened'], null])
  const other = await transaction(platform.db, (tx) =>
    createWorkspace(platform, tx, scope.organizationId, { name: 'Other' }),
  )
  const urls = await readWorkspaceUrls(platform.db, format.name, [scope.workspaceId, other.id])
  assert.deepEqual([...urls], [[scope.workspaceId, 'https://b.example/']])
  await set(house, null)
  assert.deepEqual([...(await readWorkspaceUrls(platform.db, format.name, [scope.workspaceId]))], [])
  await set(house, 'https://c.example/')
  assert.deepEqual(
    (await rows(house)).map(({ url, state, deleted_at }) => [url, state, deleted_at === null]),
    [
      ['https://b.example/', 'disabled', false],
      ['https://c.example/', 'enabled', true],
    ],
  )
})

test('two at the same moment leave one', async () => {
  await using house = await start()
  await Promise.all(['a', 'b', 'c'].map((name) => set(house, `https://${name}.example/`)))
  assert.equal((await rows(house)).length, 1)
})

test('it is refused to who may not write, is of one mailbox, or manages no credentials', async () => {
  await using house = await start()
  const { scope } = house
  for (const more of [
    { access: 'read' },
    { mailboxId: scope.workspaceId },
    { actor: `app_password:${scope.workspaceId}` },
  ]) {
    await assert.rejects(set(house, 'https://a.example/', {}, more), { code: 'forbidden' })
  }
  await assert.rejects(set(house, 'nonsense'), { code: 'invalid_request' })
  await assert.rejects(set(house, 'https://a.example/', {}, { organizationId: scope.workspaceId }), {
    code: 'workspace_not_found',
  })
})
