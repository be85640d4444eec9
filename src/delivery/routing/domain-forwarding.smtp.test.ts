/** A domain's forwarding: what its mailboxes get goes on to one address, too. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { createWorkspace } from '../../accounts/workspaces.ts'
import { forwardingOfDomains, putDomainForwarding } from '../../mailboxes/domain-forwarding.ts'
import { removeDomain } from '../../mailboxes/domain-removal.ts'
import { putForwarding } from '../../mailboxes/forwarding.ts'
import { renameMailbox } from '../../mailboxes/rename.ts'
import { inTransaction } from '../../testing/test-mail.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'
import { rulesOf } from './rules.ts'

let smtp: TestSmtp
before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' })
})
after(() => smtp[Symbol.asyncDispose]())

const put = (domain: string, target: string | null) =>
  inTransaction(smtp.t.platform, (tx) =>
    putDomainForwarding(smtp.t.platform, tx, smtp.t.scope, domain, target),
  )

async function targetsOf({ mailboxId }: { mailboxId: string }): Promise<unknown> {
  return (await rulesOf(smtp.t.platform, mailboxId))?.forwarding
}

/** The node's memory of rules is told of changes by the log. */
async function until(wanted: unknown, look: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (JSON.stringify(await look()) === JSON.stringify(wanted)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  assert.deepEqual(await look(), wanted)
}

test('mailboxes forward what they get beside their own forwarding, but not to themselves', async () => {
  const { platform, scope } = smtp.t
  const domain = await smtp.t.connectActiveDomain('real.example')
  const [ann, boss] = await Promise.all(
    ['ann@real.example', 'boss@real.example'].map((address) => smtp.t.createMailbox(address)),
  )
  assert.ok(ann && boss)
  await inTransaction(platform, (tx) =>
    putForwarding(platform, tx, scope, ann.address, { targets: ['z@far.example'], keepCopy: false }),
  )
  await put('real.example', 'boss@real.example')
  await put('real.example', 'boss@real.example')
  await until({ targets: ['boss@real.example', 'z@far.example'], keepCopy: false }, () => targetsOf(ann))
  await until({ targets: [], keepCopy: true }, () => targetsOf(boss))
  const later = await smtp.t.createMailbox('later@real.example')
  assert.deepEqual(await targetsOf(later), { targets: ['boss@real.example'], keepCopy: true })
  assert.deepEqual(
    [...(await forwardingOfDomains(platform.db, [domain.id]))],
    [[domain.id, 'boss@real.example']],
  )

  using client = await smtp.greet('smtp')
  await sendMessage(
    client,
    '<bob@far.example>',
    ['later@real.example'],
    'From: <bob@far.example>\r\n\r\nhello',
  )
  assert.deepEqual([await countOf(later), await countOf(boss)], [1, 1])

  await inTransaction(platform, (tx) =>
    renameMailbox(platform, tx, scope, boss.address, { address: 'chief@real.example' }),
  )
  await until({ targets: ['chief@real.example'], keepCopy: true }, () => targetsOf(later))
  await put('real.example', null)
  await until({ targets: ['z@far.example'], keepCopy: false }, () => targetsOf(ann))
  await until({ targets: [], keepCopy: true }, () => targetsOf(later))
  const { rows } = await sql<{ target: string | null }>`select data ->> 'target' as target from events
    where type = 'domain.forwarding_changed' order by id`.execute(platform.db)
  assert.deepEqual(
    rows.map(({ target }) => target),
    ['boss@real.example', 'chief@real.example', null],
  )
})

test('an address that cannot be is refused, and what was set goes with the domain', async () => {
  const { platform, scope } = smtp.t
  await smtp.t.connectActiveDomain('gone.example')
  await put('gone.example', 'x@far.example')
  for (const target of ['nobody@real.example', 'no address', 'x@none.test']) {
    await assert.rejects(put('gone.example', target), { code: 'forward_target_invalid' })
  }
  await inTransaction(platform, (tx) => removeDomain(platform, tx, scope, 'gone.example', { now: true }))
  const left = await platform.db.selectFrom('domain_forwards').selectAll().execute()
  assert.deepEqual(left, [])
})

test('mailboxes that other workspaces have in a shared domain do not forward', async () => {
  const { platform, scope } = smtp.t
  await smtp.t.connectActiveDomain('shared.example')
  const guest = await smtp.t.createMailbox('guest@shared.example')
  await put('shared.example', 'x@far.example')
  await until({ targets: ['x@far.example'], keepCopy: true }, () => targetsOf(guest))
  // As one of another workspace is.
  const workspace = await inTransaction(platform, (tx) =>
    createWorkspace(platform, tx, scope.organizationId, { name: 'Guests' }),
  )
  const row = { workspace_id: workspace.id }
  await platform.db.updateTable('mailboxes').set(row).where('id', '=', guest.mailboxId).execute()
  await put('shared.example', 'y@far.example')
  await until({ targets: [], keepCopy: true }, () => targetsOf(guest))
})

async function countOf({ mailboxId }: { mailboxId: string }): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from messages
    where mailbox_id = ${mailboxId}::uuid`.execute(smtp.t.platform.db)
  return rows[0]?.count ?? 0
}
