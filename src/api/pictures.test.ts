import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { engineOf, type MailboxEngine, setEngines } from '../mailboxes/engines.ts'
import { pictureJpeg } from '../mailboxes/pictures.ts'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { blue, colourAt, plain, red } from '../testing/test-pictures.ts'

let api: TestApi
let redPng: Buffer
let blueJpeg: Buffer
before(async () => {
  api = await startTestApi()
  redPng = await plain(red).png().toBuffer()
  blueJpeg = await plain(blue).jpeg().toBuffer()
})
after(() => api[Symbol.asyncDispose]())

async function make(name: string): Promise<string> {
  const { json } = await api.call('POST', '/v1/mailboxes', { body: { address: `${name}@demo.test` } })
  return textAt(json, 'id')
}

/** A call with bytes, as text() of a reply would change them. */
async function send(
  method: string,
  id: string,
  {
    bytes,
    type,
    key = api.apiKey,
    headers = {},
  }: {
    bytes?: Uint8Array<ArrayBuffer>
    type?: string
    key?: string
    headers?: Record<string, string>
  } = {},
): Promise<Reply & { bytes: Buffer }> {
  const response = await fetch(`${api.base}/v1/mailboxes/${id}/picture`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(type === undefined ? {} : { 'content-type': type }),
      ...headers,
    },
    ...(bytes === undefined ? {} : { body: bytes }),
  })
  const body = Buffer.from(await response.arrayBuffer())
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text: body.toString('latin1'),
    json: isJson ? JSON.parse(body.toString()) : undefined,
    bytes: body,
  }
}

const put = (id: string, bytes: Buffer, type = 'image/png', key?: string) =>
  send('PUT', id, { bytes: new Uint8Array(bytes), type, ...(key === undefined ? {} : { key }) })

test('set, shown, kept by ETag, replaced and removed', async () => {
  const id = await make('ann')
  assert.equal(refusal(await send('GET', id)), '404 picture_not_found')
  assert.equal(refusal(await send('DELETE', id)), '404 picture_not_found')
  const set = await put(id, redPng)
  assert.deepEqual([set.status, set.headers.get('etag'), at(set.json, 'version')], [200, 'W/"2"', 2])
  const shown = await send('GET', id)
  assert.equal(shown.status, 200)
  const sha256 = createHash('sha256').update(shown.bytes).digest('hex')
  assert.equal(textAt(set.json, 'picture', 'sha256'), sha256)
  const wanted = {
    etag: `"${sha256}"`,
    'content-type': 'image/jpeg',
    'cache-control': 'private, no-cache',
    'content-disposition': 'inline; filename="picture.jpg"',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  }
  for (const [name, value] of Object.entries(wanted)) assert.equal(shown.headers.get(name), value)
  const { r } = await colourAt(shown.bytes, 9, 9)
  assert.ok(r > 200)
  for (const tag of [`"${sha256}"`, `"x", W/"${sha256}"`, '*']) {
    const known = await send('GET', id, { headers: { 'if-none-match': tag } })
    assert.deepEqual([known.status, known.bytes.length, known.headers.get('etag')], [304, 0, `"${sha256}"`])
  }
  assert.equal((await send('GET', id, { headers: { 'if-none-match': '"x"' } })).status, 200)
  assert.deepEqual((await put(id, redPng)).json, set.json) // the same again changes nothing
  assert.deepEqual(await pictureJpeg(api.platform.db, id), shown.bytes)
  const json = { content_base64: blueJpeg.toString('base64') }
  const replaced = await api.call('PUT', `/v1/mailboxes/${id}/picture`, { body: json })
  assert.equal(replaced.status, 200)
  assert.notEqual(textAt(replaced.json, 'picture', 'sha256'), sha256)
  assert.equal(at((await api.call('GET', `/v1/mailboxes/${id}`)).json, 'version'), 3)
  assert.equal((await send('DELETE', id)).status, 204)
  assert.equal(at((await api.call('GET', `/v1/mailboxes/${id}`)).json, 'picture'), null)
  assert.equal(await pictureJpeg(api.platform.db, id), null)
  const { rows } = await sql<{ sha256: string | null }>`select data ->> 'sha256' as sha256 from events
    where mailbox_id = ${id} and type = 'mailbox.picture_changed' order by id`.execute(api.platform.db)
  assert.deepEqual(
    rows.map((row) => row.sha256),
    [sha256, textAt(replaced.json, 'picture', 'sha256'), null],
  )
})

test('a preview says what it touches, refuses as the call would, and does nothing', async () => {
  const id = await make('look')
  const call = (method: string, body?: object) =>
    api.call(method, `/v1/mailboxes/${id}/picture?preview=true`, { body })
  const body = { content_base64: redPng.toString('base64') }
  const set = await call('PUT', body)
  assert.deepEqual([set.status, at(set.json, 'preview'), at(set.json, 'objects', 0, 'id')], [200, true, id])
  assert.equal(refusal(await call('PUT', { content_base64: 'AAAA' })), '422 picture_invalid')
  assert.equal(refusal(await call('DELETE')), '404 picture_not_found')
  await put(id, redPng)
  const remove = await call('DELETE')
  assert.deepEqual([remove.status, at(remove.json, 'objects', 0, 'action')], [200, 'update'])
  assert.equal((await send('GET', id)).status, 200)
})

test('what a file is called does not matter, what it is does', async () => {
  const id = await make('named')
  assert.equal((await put(id, redPng, 'image/avif')).status, 200)
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')
  assert.equal(refusal(await put(id, svg, 'image/png')), '422 picture_invalid')
  assert.equal(refusal(await put(id, svg, 'image/svg+xml')), '415 unsupported_media_type')
  assert.equal(refusal(await put(id, redPng, 'application/octet-stream')), '415 unsupported_media_type')
})

const refused: [what: string, body: string, expected: string][] = [
  ['no base64', '{"content_base64": "%%%%"}', '400 invalid_request'],
  ['base64 without its end', '{"content_base64": "iVBOR"}', '400 invalid_request'],
  ['no content', '{"content_base64": ""}', '400 invalid_request'],
  ['another name', '{"content": "AAAA"}', '400 invalid_request'],
  ['no object', '"AAAA"', '400 invalid_request'],
  ['null', 'null', '400 invalid_request'],
  ['no JSON', '{', '400 invalid_json'],
  ['no picture', '{"content_base64": "AAAA"}', '422 picture_invalid'],
]
for (const [what, body, expected] of refused) {
  test(`refused: ${what}`, async () => {
    await make('bad')
    const reply = await api.call('PUT', '/v1/mailboxes/bad@demo.test/picture', { body })
    assert.equal(refusal(reply), expected)
  })
}

test('nothing and too much are refused', async () => {
  const id = await make('size')
  assert.equal(refusal(await send('PUT', id)), '400 invalid_request')
  assert.equal(refusal(await send('PUT', id, { type: 'application/json' })), '400 invalid_request')
  assert.equal(refusal(await put(id, Buffer.alloc(0))), '422 picture_invalid')
  const large = Buffer.concat([redPng, Buffer.alloc(10 * 1024 ** 2)])
  assert.equal(refusal(await put(id, large)), '413 payload_too_large')
  assert.equal(refusal(await put(id, Buffer.alloc(15 * 1024 ** 2))), '413 payload_too_large')
  const body = JSON.stringify({ content_base64: large.toString('base64') })
  assert.match(refusal(await api.call('PUT', `/v1/mailboxes/${id}/picture`, { body })), /^4(00|13) /)
})

test('a key that only reads sees the picture and changes none; one of the mailbox does both', async () => {
  const id = await make('keys')
  const reads = await api.key({ access: 'read' })
  assert.equal(refusal(await put(id, redPng, 'image/png', reads)), '403 forbidden')
  const own = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: id })
  assert.equal((await put(id, redPng, 'image/png', own)).status, 200)
  assert.equal((await send('GET', id, { key: reads })).status, 200)
  assert.equal(refusal(await send('DELETE', id, { key: reads })), '403 forbidden')
  assert.equal((await send('DELETE', id, { key: own })).status, 204)
})

test('a purge removes the picture, a deletion does not', async () => {
  const id = await make('gone')
  await put(id, redPng)
  await api.call('DELETE', `/v1/mailboxes/${id}`)
  assert.equal((await send('GET', id)).status, 200)
  await api.call('DELETE', `/v1/mailboxes/${id}?purge=true`)
  assert.equal(refusal(await send('GET', id)), '404 mailbox_not_found')
  await purgeMailbox(api.platform, id)
  assert.equal(await pictureJpeg(api.platform.db, id), null)
})

test('the service is told of it, and one that cannot refuses', async () => {
  const id = await make('told')
  const local = engineOf(api.platform, 'local')
  assert.ok(local)
  const told: unknown[] = []
  const changed: MailboxEngine['changed'] = async (_platform, _tx, ids, change) =>
    void told.push([ids, change])
  setEngines(api.platform, new Map([['local', { ...local, changed }]]))
  try {
    await put(id, redPng)
    await send('DELETE', id)
    assert.deepEqual(told, [
      [[id], 'picture'],
      [[id], 'picture'],
    ])
    const capabilities = { ...local.capabilities, picture: false }
    setEngines(api.platform, new Map([['local', { ...local, capabilities }]]))
    assert.equal(refusal(await put(id, redPng)), '409 service_cannot')
    assert.equal(refusal(await send('DELETE', id)), '409 service_cannot')
  } finally {
    setEngines(api.platform, new Map([['local', local]]))
  }
})
