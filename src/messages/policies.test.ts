import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inTransaction } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import {
  type MailPolicy,
  type PolicySettings,
  policyOf,
  putSettings,
  settingsOf,
  workspacePolicyOf,
} from './policies.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform({
    MAILWRIGHT_QUOTA_BYTES: '1000',
    MAILWRIGHT_TRASH_DAYS: '30',
    MAILWRIGHT_JUNK_DAYS: 'off',
    MAILWRIGHT_RESTORE_DAYS: '14',
  })
})
after(() => t[Symbol.asyncDispose]())

async function put(box: TestMailbox, level: 'mailbox' | 'workspace', settings: PolicySettings) {
  const { organizationId, workspaceId, mailboxId } = box.owner
  const to = { organizationId, workspaceId, mailboxId: level === 'mailbox' ? mailboxId : null }
  await inTransaction(t.platform, (tx) => putSettings(t.platform, tx, to, settings))
}

const programs: MailPolicy = {
  quotaBytes: 1000,
  quotaMessages: null,
  trashDays: 30,
  junkDays: null,
  restoreDays: 14,
  pop3: { keepDays: null },
}

const rows: {
  what: string
  workspace: PolicySettings
  mailbox: PolicySettings
  want: Partial<MailPolicy>
}[] = [
  { what: 'nobody says anything', workspace: {}, mailbox: {}, want: {} },
  {
    what: 'the workspace says',
    workspace: { trashDays: 7, quotaBytes: 50 },
    mailbox: {},
    want: { trashDays: 7, quotaBytes: 50 },
  },
  {
    what: 'the mailbox says, of each setting for itself',
    workspace: { trashDays: 7, quotaBytes: 50 },
    mailbox: { trashDays: 1, restoreDays: 0 },
    want: { trashDays: 1, quotaBytes: 50, restoreDays: 0 },
  },
  {
    what: 'none is something said',
    workspace: { quotaBytes: null, trashDays: 7 },
    mailbox: { trashDays: null },
    want: { quotaBytes: null, trashDays: null },
  },
  {
    what: 'zero is not none',
    workspace: { quotaBytes: null },
    mailbox: { quotaBytes: 0, quotaMessages: 0 },
    want: { quotaBytes: 0, quotaMessages: 0 },
  },
]
for (const { what, workspace, mailbox, want } of rows) {
  test(`what holds when ${what}`, async () => {
    const box = await t.createMailbox()
    await put(box, 'workspace', workspace)
    await put(box, 'mailbox', mailbox)
    assert.deepEqual(await policyOf(t.platform, box.owner), { ...programs, ...want })
    assert.deepEqual(await settingsOf(t.platform.db, box.owner.workspaceId, box.mailboxId), mailbox)
    assert.deepEqual(await settingsOf(t.platform.db, box.owner.workspaceId, null), workspace)
    await put(box, 'workspace', {})
  })
}

test('a change is seen at once, of the mailbox and of its workspace', async () => {
  const box = await t.createMailbox()
  assert.equal((await policyOf(t.platform, box.owner)).restoreDays, 14)
  await put(box, 'workspace', { restoreDays: 3 })
  assert.equal((await policyOf(t.platform, box.owner)).restoreDays, 3)
  assert.equal((await workspacePolicyOf(t.platform, box.owner.workspaceId)).restoreDays, 3)
  await put(box, 'mailbox', { restoreDays: 1, pop3KeepDays: 2 })
  const policy = await policyOf(t.platform, box.owner)
  assert.deepEqual([policy.restoreDays, policy.pop3.keepDays], [1, 2])
  await put(box, 'mailbox', {})
  await put(box, 'workspace', {})
  assert.equal((await policyOf(t.platform, box.owner)).restoreDays, 14)
})

test('what is remembered costs no query', async () => {
  const box = await t.createMailbox()
  const first = await policyOf(t.platform, box.owner)
  assert.equal(await policyOf(t.platform, box.owner), first)
})
