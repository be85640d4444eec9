/** The reference cannot lie: every route is in it, every error has its page, and nothing is loaded from elsewhere. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { errorCatalogue } from '../platform/errors.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { errorPagesFolder } from './error-pages.ts'

let api: TestApi
let document: unknown
before(async () => {
  api = await startTestApi()
  document = (await api.call('GET', '/v1/openapi.json', { key: null })).json
})
after(() => api[Symbol.asyncDispose]())

/** For people, browsers and Stripe, not for other programs. */
const undocumented = [
  'GET /',
  'GET /docs',
  'GET /docs/',
  'GET /docs/errors/:code',
  'GET /docs/js/scalar.js',
  'GET /o/:file',
  'GET /unsubscribe/:token',
  'POST /unsubscribe/:token',
  'POST /v1/payments/stripe/webhook',
]

test('every route is in the document, and the other way round', () => {
  const documented = Object.entries(Object(at(document, 'paths'))).flatMap(([path, operations]) =>
    Object.keys(Object(operations)).map(
      (method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
    ),
  )
  assert.deepEqual([...documented, ...undocumented].sort(), [...api.server.routes].sort())
})

type Operation = { name: string; operation: unknown }

function operations(): Operation[] {
  return Object.entries(Object(at(document, 'paths'))).flatMap(([path, byMethod]) =>
    Object.entries(Object(byMethod)).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  )
}

test('every operation has a summary, a tag, replies and the problems of its kind', () => {
  assert.equal(at(document, 'openapi'), '3.1.0')
  assert.equal(at(document, 'components', 'securitySchemes', 'bearer', 'scheme'), 'bearer')
  for (const { name, operation } of operations()) {
    assert.ok(textAt(operation, 'summary').length > 5, name)
    assert.equal(Array.isArray(at(operation, 'tags')), true, name)
    const replies = Object(at(operation, 'responses'))
    const statuses = Object.keys(replies)
    assert.ok(
      statuses.some((status) => /^(?:101|2)/.test(status)),
      name,
    )
    for (const status of statuses)
      assert.notEqual(textAt(replies, status, 'description'), 'Default Response', name)
    for (const status of statuses.filter((one) => one >= '400')) {
      assert.equal(
        at(replies, status, 'content', 'application/problem+json', 'schema', '$ref'),
        '#/components/schemas/Problem',
        name,
      )
    }
    const isOpen = Array.isArray(at(operation, 'security'))
    if (isOpen) continue
    for (const status of ['400', '401', '403', '429', '500'])
      assert.ok(statuses.includes(status), `${name} ${status}`)
    const headers = parameters(operation, 'header')
    assert.ok(headers.includes('Mailwright-Workspace'), name)
    assert.equal(headers.includes('Idempotency-Key'), name.startsWith('post '), name)
  }
  const edit = at(document, 'paths', '/v1/mailboxes/{mailbox}', 'patch')
  assert.ok(parameters(edit, 'header').includes('If-Match'))
})

function parameters(operation: unknown, place: string): string[] {
  const list = at(operation, 'parameters')
  return Array.isArray(list)
    ? list.filter((one) => at(one, 'in') === place).map((one) => textAt(one, 'name'))
    : []
}

test('every tag is explained, once, and used', () => {
  const explained = at(document, 'tags')
  assert.ok(Array.isArray(explained))
  assert.ok(explained.every((tag) => textAt(tag, 'description') !== ''))
  const used = new Set(operations().flatMap(({ operation }) => at(operation, 'tags')))
  assert.deepEqual(explained.map((tag) => textAt(tag, 'name')).sort(), [...used].sort())
})

test('what can be previewed says what a preview is like', () => {
  const silent = operations().filter(({ operation }) => {
    const asked = JSON.stringify([at(operation, 'parameters'), at(operation, 'requestBody')])
    if (!/"preview"/.test(asked)) return false
    const reply = JSON.stringify(at(operation, 'responses', '200'))
    return !/schemas\/Preview"|"title":"(?:Preview|DnsHostRun)"/.test(reply ?? '')
  })
  assert.deepEqual(
    silent.map(({ name }) => name),
    [],
  )
})

test('every text of a body has a bound', () => {
  const unbounded: string[] = []
  const walk = (schema: unknown, path: string): void => {
    if (typeof schema !== 'object' || schema === null) return
    const isText = [at(schema, 'type')].flat().includes('string')
    if (isText && !('enum' in schema || 'maxLength' in schema || 'format' in schema)) unbounded.push(path)
    for (const [key, inner] of Object.entries(schema)) walk(inner, `${path}/${key}`)
  }
  for (const { name, operation } of operations()) walk(at(operation, 'requestBody'), name)
  assert.deepEqual(unbounded, [])
})

test('every code has its page, and every page a code', async () => {
  const pages = (await readdir(errorPagesFolder)).map((file) => file.replace(/\.md$/, ''))
  assert.deepEqual(pages.sort(), Object.keys(errorCatalogue).sort())
})

test('every page has the title and status of the catalogue, and says when and what to do', async () => {
  for (const [code, { status, title }] of Object.entries(errorCatalogue)) {
    const text = await readFile(join(errorPagesFolder, `${code}.md`), 'utf8')
    const [heading, , line] = text.split('\n')
    assert.deepEqual([heading, line], [`# ${title}`, `\`${code}\` · HTTP status ${status}`])
    assert.match(text, /^\*\*When it happens\.\*\* /m, code)
    assert.match(text, /^\*\*What to do\.\*\* /m, code)
    assert.ok(text.split('\n').length <= 15, code)
  }
})

test('the type of a problem leads to its page', async () => {
  const problem = await api.call('GET', '/v1/mailboxes/nope@demo.test')
  const page = await api.call('GET', new URL(textAt(problem.json, 'type'), api.base).pathname, { key: null })
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-type') ?? '', /^text\/markdown/)
  assert.match(page.text, /^# Mailbox not found\n/)
  assert.equal((await api.call('GET', '/docs/errors/rate_limited.md')).status, 200)
  for (const code of ['nope', '..%2F..%2Fpackage', 'constructor']) {
    assert.equal(refusal(await api.call('GET', `/docs/errors/${code}`)), '404 route_not_found')
  }
})

test('the reference page serves its own script and may load no other', async () => {
  assert.equal((await api.call('GET', '/', { key: null })).headers.get('location'), '/docs/')
  assert.equal((await api.call('GET', '/docs', { key: null })).headers.get('location'), '/docs/')
  const page = await api.call('GET', '/docs/', { key: null })
  const sources = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source)
  assert.deepEqual(sources, ['js/scalar.js'])
  assert.match(page.headers.get('content-security-policy') ?? '', /^default-src 'self';/)
  const script = await api.call('GET', '/docs/js/scalar.js', { key: null })
  assert.equal(script.status, 200)
  assert.ok(script.text.length > 1_000_000)
})
