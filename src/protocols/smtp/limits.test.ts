/** Sending limits as a mail client meets them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { DeliveryPolicySettings } from '../../delivery/policies.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { addresses, setDeliveryPolicy } from '../../testing/test-sending.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'

let smtp: TestSmtp
before(async () => {
  smtp = await startTestSmtp()
})
after(() => smtp[Symbol.asyncDispose]())

async function sender(settings: DeliveryPolicySettings): Promise<TestMailbox> {
  const box = await smtp.t.createSender()
  await setDeliveryPolicy(smtp.t.platform, smtp.t.scope, 'mailbox', box.mailboxId, settings)
  return box
}

test('RCPT says which limit and when; recipients here do not count; what was sent counts on', async () => {
  const [box, local] = [await sender({ mailbox_per_hour: 3 }), await smtp.t.createMailbox()]
  using client = await smtp.logIn(box.address, box.password)
  assert.match(await client.command(`MAIL FROM:<${box.address}>`), /^250 /)
  const [a, b, c, d] = addresses(4)
  for (const to of [a, b, local.address, c, c]) {
    assert.match(await client.command(`RCPT TO:<${to}>`), /^250 2\.1\.5 /, to)
  }
  assert.match(
    await client.command(`RCPT TO:<${d}>`),
    /^452 4\.7\.1 The mailbox may send to 3 recipients in an hour; come again at [\dT:-]+Z$/,
  )
  assert.match(await client.command('DATA'), /^354 /)
  client.write('Subject: x\r\n\r\nx')
  assert.match(await client.command('\r\n.'), /^250 2\.6\.0 /)
  assert.match(await client.command(`MAIL FROM:<${box.address}>`), /^250 /)
  assert.match(await client.command(`RCPT TO:<${d}>`), /^452 4\.7\.1 /)
  assert.match(await client.command(`RCPT TO:<${local.address}>`), /^250 2\.1\.5 /)
})

test('connections at the same moment share the places that are left', async () => {
  const box = await sender({ mailbox_per_day: 5 })
  const replies = await Promise.all(
    addresses(10).map(async (to) => {
      using client = await smtp.logIn(box.address, box.password)
      await client.command(`MAIL FROM:<${box.address}>`)
      return await client.command(`RCPT TO:<${to}>`)
    }),
  )
  assert.equal(replies.filter((reply) => reply.startsWith('250 ')).length, 5)
  assert.equal(replies.filter((reply) => reply.startsWith('452 4.7.1 ')).length, 5)
})

test('a limit that is lowered between RCPT and DATA refuses the message whole', async () => {
  const box = await sender({})
  using client = await smtp.logIn(box.address, box.password)
  await client.command(`MAIL FROM:<${box.address}>`)
  for (const to of addresses(2)) assert.match(await client.command(`RCPT TO:<${to}>`), /^250 /)
  await setDeliveryPolicy(smtp.t.platform, smtp.t.scope, 'mailbox', box.mailboxId, { mailbox_per_hour: 1 })
  await client.command('DATA')
  client.write('Subject: x\r\n\r\nx')
  assert.match(await client.command('\r\n.'), /^452 4\.7\.1 The mailbox may send to 1 recipient in an hour/)
  assert.match(await sendMessage(client, `<${box.address}>`, addresses(1), 'Subject: y\r\n\r\ny'), /^250 /)
})
