/** Decisions about mail that was judged: what is junk goes no further. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addForward } from '../../mailboxes/extra-addresses.ts'
import { putForwarding } from '../../mailboxes/forwarding.ts'
import { folderIdOf, inTransaction } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import type { Arrival, RecipientDecision, SpamVerdict } from '../inbound/arrival.ts'
import { authenticateArrival } from '../inbound/authenticate.ts'
import { spooledBytes } from '../inbound/spool.ts'
import { resolveRecipient } from '../recipients.ts'
import { putAutoreply } from './autoreply-settings.ts'
import { decideForRecipient } from './decide.ts'
import { decideForwards, refuseForwards } from './decide-forwards.ts'
import { putFilter } from './filters.ts'

let t: TestPlatform
let box: TestMailbox
before(async () => {
  t = await startTestPlatform()
  await t.connectActiveDomain('real.example')
  box = await t.createMailbox('ann@real.example')
  await inTransaction(t.platform, async (tx) => {
    await putFilter(t.platform, tx, t.scope, box.address, {
      name: 'x',
      script: 'require "fileinto"; fileinto "Archive"; keep;',
      active: true,
    })
    await putForwarding(t.platform, tx, t.scope, box.address, {
      targets: ['far@example.com'],
      keepCopy: true,
    })
    const times = { starts_at: null, ends_at: null, days: 7 }
    await putAutoreply(t.platform, tx, t.scope, box.address, {
      enabled: true,
      subject: null,
      text: 'Away.',
      ...times,
    })
    await addForward(t.platform, tx, t.scope, 'real.example', 'info@real.example', ['far@example.com'])
  })
})
after(() => t[Symbol.asyncDispose]())

async function arrivalFor(address: string): Promise<Arrival> {
  const recipient = await resolveRecipient(t.platform, address)
  return {
    id: 'x',
    at: new Date(),
    role: 'mx',
    helo: 'far.example',
    remoteAddress: '192.0.2.1',
    protocol: 'ESMTP',
    tls: false,
    mailFrom: 'bob@far.example',
    smtputf8: false,
    ret: null,
    envid: null,
    requireTls: false,
    notBefore: null,
    login: null,
    local: recipient.kind === 'local' ? [recipient] : [],
    remote: [],
    forwards: recipient.kind === 'forward' ? recipient.targets : [],
    message: spooledBytes(Buffer.from(`To: ${address}\r\n\r\nhello`)),
  }
}

const verdict = (action: SpamVerdict['action']): SpamVerdict => ({ score: 9, action, symbols: [] })

async function decided(spam: SpamVerdict | null, quarantined: boolean): Promise<RecipientDecision> {
  const arrival = await arrivalFor(box.address)
  const [recipient] = arrival.local
  assert.ok(recipient)
  const authentication = await authenticateArrival(t.platform, arrival)
  return await decideForRecipient(t.platform, { arrival, recipient, authentication, spam, quarantined })
}

const rows: [what: string, spam: SpamVerdict | null, quarantined: boolean, isJunk: boolean][] = [
  ['unjudged', null, false, false],
  ['accepted', verdict('accept'), false, false],
  ['spam', verdict('junk'), false, true],
  ['quarantined by DMARC', verdict('accept'), true, true],
]
for (const [what, spam, quarantined, isJunk] of rows) {
  test(`mail that is ${what} ${isJunk ? 'lies in Junk and goes no further' : 'goes through the rules'}`, async () => {
    const { placements, forwards, jobs } = await decided(spam, quarantined)
    const paths = isJunk ? ['Junk'] : ['Archive', 'INBOX']
    const ids = await Promise.all(paths.map((path) => folderIdOf(t.platform, box.mailboxId, path)))
    assert.deepEqual(
      placements.map(({ folderId }) => folderId),
      ids,
    )
    assert.deepEqual([forwards.length, jobs.length], isJunk ? [0, 0] : [1, 1])
  })
}

test('without a folder for junk one is made', async () => {
  const other = await t.createMailbox('noj@real.example')
  await inTransaction(t.platform, (tx) =>
    tx.deleteFrom('folders').where('mailbox_id', '=', other.mailboxId).where('path', '=', 'Junk').execute(),
  )
  const arrival = await arrivalFor(other.address)
  const [recipient] = arrival.local
  assert.ok(recipient)
  const input = { arrival, recipient, authentication: null, spam: verdict('junk'), quarantined: false }
  const [placement] = (await decideForRecipient(t.platform, input)).placements
  assert.equal(placement?.folderId, await folderIdOf(t.platform, other.mailboxId, 'Junk'))
})

test('spam for a forward is refused when it was for nobody else, and told of otherwise', async () => {
  const arrival = await arrivalFor('info@real.example')
  const spam = await decideForwards(t.platform, arrival, null, () => verdict('junk'))
  assert.deepEqual(
    spam.map(({ forwards }) => forwards),
    [[]],
  )
  assert.deepEqual(
    spam[0]?.events?.map(({ type, data }) => ({ type, data })),
    [
      {
        type: 'forward.failed',
        data: {
          address: 'info@real.example',
          target: 'far@example.com',
          reason: 'The message looks like spam.',
          outbound_recipient_id: null,
        },
      },
    ],
  )
  assert.equal(refuseForwards(arrival, spam)?.code, 550)
  const { local } = await arrivalFor(box.address)
  assert.equal(refuseForwards({ ...arrival, local }, spam), null)
  const clean = await decideForwards(t.platform, arrival, null, () => verdict('accept'))
  assert.equal(clean[0]?.forwards.length, 1)
  assert.equal(refuseForwards(arrival, clean), null)
})
