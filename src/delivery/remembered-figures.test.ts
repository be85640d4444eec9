/** Figures of a workspace that are counted once for all who ask. */
import assert from 'node:assert/strict'
import { after, before, mock, test } from 'node:test'
import { countStatements } from '../testing/count-statements.ts'
import { addSent } from '../testing/test-figures.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { workspaceBouncing, workspaceDays, workspaceFigures } from './remembered-figures.ts'

let t: TestPlatform
let ada: TestMailbox
before(async () => {
  t = await startTestPlatform()
  ada = await t.createMailbox()
  await addSent(t.platform, ada.owner, { state: 'bounced', count: 3 })
})
after(() => t[Symbol.asyncDispose]())

test('who asks at the same moment waits for the same count, and who asks a minute later for another', async () => {
  const { platform, scope } = t
  const rate = { percent: 50, minimum: 1, max: 10 }
  const ask = () =>
    Promise.all([
      ...[1, 2, 3].map(() => workspaceFigures(platform, scope)),
      ...[1, 2].map(() => workspaceDays(platform, scope)),
      ...[1, 2].map(() => workspaceBouncing(platform, scope, rate)),
    ])
  assert.equal(await countStatements(ask), 3)
  await addSent(platform, ada.owner, { state: 'delivered', count: 2 })
  assert.equal(await countStatements(ask), 0)
  assert.equal((await workspaceFigures(platform, scope)).sent7d, 3)
  const own = { ...scope, mailboxId: ada.mailboxId }
  assert.equal((await workspaceFigures(platform, own)).sent7d, 5, 'another scope has its own')
  const later = performance.now() + 61_000
  const clock = mock.method(performance, 'now', () => later)
  try {
    assert.equal((await workspaceFigures(platform, scope)).sent7d, 5)
    assert.deepEqual((await workspaceDays(platform, scope)).at(-1)?.sent, 5)
    assert.equal((await workspaceBouncing(platform, scope, rate)).at(0)?.figures.bounced7d, 3)
  } finally {
    clock.mock.restore()
  }
})

test('what fails is not kept', async () => {
  const scope = { ...t.scope, workspaceId: 'none' }
  await assert.rejects(workspaceFigures(t.platform, scope))
  await assert.rejects(workspaceFigures(t.platform, scope))
  assert.equal(await countStatements(() => workspaceFigures(t.platform, scope).catch(() => null)), 1)
})
