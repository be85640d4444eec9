/** An agent's day at /mcp: the whole program, the official client, and mail that comes by SMTP. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addressOf, type ChildServer, startChildServer } from '../src/testing/child-server.ts'
import { at, call, listAt, textAt } from '../src/testing/test-api.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { connectMcp, type McpClient, textOfResult } from '../src/testing/test-mcp.ts'
import { connectSmtp, sendMessage } from '../src/testing/test-smtp.ts'

const stack = new AsyncDisposableStack()
let server: ChildServer
let base: string

before(async () => {
  const directory = await temporaryDirectory(stack)
  const environment = { DATABASE_URL: await migratedDatabase(stack) }
  server = stack.use(await startChildServer(directory, environment))
  base = server.endpoints.http ?? ''
  const made = await call(base, server.apiKey, 'POST', '/v1/domains', { body: { name: 'demo.test' } })
  assert.equal(made.status, 201, made.text)
})
after(() => stack.disposeAsync())

async function mailIn(to: string, subject: string, text: string): Promise<void> {
  using smtp = await connectSmtp(addressOf(server.endpoints.smtp).port)
  assert.match(await smtp.command('EHLO mail.shop.example'), /^250/)
  const raw = [
    'From: Shop <no-reply@shop.example>',
    `To: ${to}`,
    `Subject: ${subject}`,
    `Message-ID: <${subject.replace(/\W/g, '')}@shop.example>`,
    'Content-Type: text/plain; charset=utf-8',
    '',
    text,
  ].join('\r\n')
  assert.match(await sendMessage(smtp, '<no-reply@shop.example>', [to], raw), /^250/)
}

async function connected(path?: string): Promise<McpClient> {
  return await connectMcp(base, server.apiKey, path === undefined ? {} : { path })
}

describe('an agent', () => {
  test('makes a mailbox, waits for its code, answers, and is answered', async () => {
    await using mcp = await connected()
    const me = await mcp.done('who_am_i')
    assert.deepEqual(at(me.structuredContent, 'domains'), ['demo.test'])
    const made = await mcp.done('create_mailbox', { domain: 'demo.test', display_name: 'Agent Smith' })
    const mine = textAt(made.structuredContent, 'mailbox', 'address')
    assert.match(mine, /^[^@]+@demo\.test$/)

    const progress: number[] = []
    const waiting = mcp.done(
      'wait_for_message',
      { mailbox: mine, from: 'shop.example', has_code: true, timeout_seconds: 60 },
      { onprogress: ({ progress: passed }) => void progress.push(passed) },
    )
    const since = new Date(Date.now() - 60_000).toISOString()
    await mailIn(mine, 'Your sign-in code', 'Your verification code is 482913. It is valid for 10 minutes.')
    const came = await waiting
    assert.deepEqual(
      listAt(came.structuredContent, 'message', 'untrusted', 'codes').map((one) => at(one, 'code')),
      ['482913'],
    )
    assert.match(
      textOfResult(came),
      /<untrusted-mail boundary="\w{24}">\nFrom: Shop <no-reply@shop\.example>/,
    )
    assert.ok(progress.length > 0)
    const next = textAt(came.structuredContent, 'next')
    const none = await mcp.done('wait_for_message', { mailbox: mine, after: next, timeout_seconds: 0 })
    assert.equal(at(none.structuredContent, 'message'), null)
    const again = await mcp.done('wait_for_message', { mailbox: mine, since, timeout_seconds: 0 })
    const messageId = textAt(again.structuredContent, 'message', 'id')

    const read = await mcp.done('read_message', { mailbox: mine, message_id: messageId })
    assert.equal(at(read.structuredContent, 'unread'), true, 'reading marks nothing')
    await mcp.done('mark_messages', {
      mailbox: mine,
      message_ids: [messageId],
      read: true,
      add_labels: ['done'],
    })
    const list = await mcp.done('list_messages', { mailbox: mine, label: 'done' })
    assert.equal(at(list.structuredContent, 'messages', 0, 'unread'), false)
    const found = await mcp.done('search_messages', { mailbox: mine, query: 'verification from:shop' })
    assert.equal(at(found.structuredContent, 'messages', 0, 'id'), messageId)
    await mcp.done('move_messages', { mailbox: mine, message_ids: [messageId], folder: 'archive' })
    const archived = await mcp.done('list_messages', { mailbox: mine, folder: 'archive' })
    assert.equal(at(archived.structuredContent, 'messages', 0, 'folder'), 'Archive')
  })

  test('writes to another, once however often it asks, and both see the thread', async () => {
    await using mcp = await connected()
    const ann = textAt(
      (await mcp.done('create_mailbox', { address: 'ann@demo.test' })).structuredContent,
      'mailbox',
      'address',
    )
    const bob = textAt(
      (await mcp.done('create_mailbox', { address: 'bob@demo.test', handle: 'bobby' })).structuredContent,
      'mailbox',
      'address',
    )
    const letter = {
      mailbox: ann,
      to: [`Bob <${bob}>`],
      subject: 'The figures',
      text: 'Here they are.',
      attachments: [{ filename: 'figures.csv', content_type: 'text/csv', text: 'a,b\n1,2\n' }],
      idempotency_key: 'letter-1',
    }
    const sent = await mcp.done('send_message', letter)
    assert.equal(at(sent.structuredContent, 'status'), 'accepted')
    const repeated = await mcp.done('send_message', letter)
    assert.equal(at(repeated.structuredContent, 'replayed'), true)
    assert.equal(at(repeated.structuredContent, 'message_id'), at(sent.structuredContent, 'message_id'))
    assert.equal(await mcp.refused('send_message', { ...letter, text: 'Others.' }), 'idempotency_key_reused')

    const inbox = await mcp.done('list_messages', { mailbox: bob, folder: 'inbox' })
    const messages = listAt(inbox.structuredContent, 'messages')
    assert.equal(messages.length, 1)
    const messageId = textAt(messages[0], 'id')
    const file = await mcp.done('get_attachment', { mailbox: bob, message_id: messageId, number: 1 })
    assert.match(textAt(file.structuredContent, 'untrusted', 'text'), /^a,b\n1,2/)
    assert.match(textOfResult(file), /figures\.csv/)

    // Bob as a person sees it, by the API.
    const seen = await call(base, server.apiKey, 'GET', `/v1/mailboxes/${bob}/messages/${messageId}`, {})
    assert.equal(textAt(seen.json, 'text').trim(), 'Here they are.')
    assert.equal(textAt(seen.json, 'from', 0, 'address'), ann)

    const draft = await mcp.done('create_draft', {
      mailbox: bob,
      reply_to_message_id: messageId,
      text: 'First thought.',
    })
    const draftId = textAt(draft.structuredContent, 'draft_id')
    const version = textAt(draft.structuredContent, 'version')
    const change = { mailbox: bob, draft_id: draftId, version, text: 'Second thought.' }
    await mcp.done('update_draft', { ...change, idempotency_key: 'edit-1' })
    await mcp.done('update_draft', { ...change, idempotency_key: 'edit-1' })
    assert.equal(await mcp.refused('update_draft', change), 'edit_conflict')
    await mcp.done('send_draft', { mailbox: bob, draft_id: draftId })
    const answer = await mcp.done('wait_for_message', {
      mailbox: ann,
      subject: 'Re: The figures',
      since: new Date(Date.now() - 60_000).toISOString(),
    })
    assert.match(textAt(answer.structuredContent, 'message', 'untrusted', 'text'), /^Second thought\./)
    const answerId = textAt(answer.structuredContent, 'message', 'id')
    const replied = { mailbox: ann, message_id: answerId, text: 'Thanks.', quote: true }
    await mcp.done('reply_to_message', replied)
    const thread = await mcp.done('read_thread', {
      mailbox: ann,
      thread_id: textAt(answer.structuredContent, 'message', 'thread_id'),
    })
    assert.equal(at(thread.structuredContent, 'message_count'), 3)
    const last = await mcp.done('list_messages', { mailbox: bob, folder: 'inbox', limit: 1 })
    const lastId = textAt(last.structuredContent, 'messages', 0, 'id')
    const reply = { mailbox: bob, message_id: lastId, form: 'reply' }
    const own = textAt((await mcp.done('read_message', reply)).structuredContent, 'untrusted', 'text')
    assert.equal(own.trim(), 'Thanks.')
    const passedOn = { mailbox: ann, message_id: answerId, to: [bob], text: 'See below.' }
    await mcp.done('forward_message', passedOn)
    const forwarded = await mcp.done('search_messages', {
      mailbox: bob,
      query: 'subject:"Fwd: Re: The figures"',
    })
    assert.equal(listAt(forwarded.structuredContent, 'messages').length, 1)
    const folders = await mcp.done('list_folders', { mailbox: bob })
    assert.match(textOfResult(folders), /INBOX: 3 messages/)
  })
})

test('many wait at the same time, and a stop ends them in order', async () => {
  await using mcp = await connected()
  const waits: Promise<unknown>[] = []
  let begun = 0
  const allBegun = new Promise<void>((resolve) => {
    for (let number = 0; number < 5; number += 1) {
      const address = `waiter${number}@demo.test`
      waits.push(
        mcp.done('create_mailbox', { address }).then(() =>
          mcp.call(
            'wait_for_message',
            { mailbox: address, timeout_seconds: 100 },
            {
              timeout: 120_000,
              onprogress: () => {
                begun += 1
                if (begun === 5) resolve()
              },
            },
          ),
        ),
      )
    }
  })
  await allBegun
  const stopped = server.stop()
  const results = await Promise.all(waits)
  for (const result of results) {
    assert.equal(at(result, 'isError'), true)
    assert.equal(textAt(result, 'structuredContent', 'error', 'code'), 'shutting_down')
  }
  assert.equal(await stopped, 0)
})
