/** What only shows here: the rest is tested through the DNS hosts, whose requests these are. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startJsonServer } from '../testing/json-server.ts'
import { anyAddress, askOutside, fetchFile, OutsideError } from './outside-http.ts'

const bounds = { requestMsMax: 500, replyBytesMax: 1000, retryAfterMsMax: 5000 }

async function failureOf(url: string, body?: unknown): Promise<OutsideError> {
  const request = { method: 'POST', url, headers: {}, body } as const
  const error: unknown = await askOutside(request, anyAddress, bounds).then(
    () => 'none',
    (cause: unknown) => cause,
  )
  assert.ok(error instanceof OutsideError, String(error))
  return error
}

test('a failure says whether the request was on its way', async () => {
  await using lost = await startJsonServer(() => 'lost')
  const broken = await failureOf(lost.url, {})
  assert.deepEqual([broken.problem, broken.isSent], [{ reason: 'no_answer', code: 'ECONNRESET' }, true])
  const refused = await failureOf('http://127.0.0.1:1/')
  assert.deepEqual([refused.problem, refused.isSent], [{ reason: 'no_answer', code: 'ECONNREFUSED' }, false])
  await using silent = await startJsonServer(() => new Promise(() => undefined))
  const late = await failureOf(silent.url)
  assert.deepEqual([late.problem.reason, late.isSent], ['late', true])
  await using moved = await startJsonServer(() => ({ status: 307, headers: { location: lost.url } }))
  assert.deepEqual((await failureOf(moved.url)).problem, { reason: 'redirect', status: 307 })
})

test('a failure does not hold the URL', async () => {
  await using lost = await startJsonServer(() => 'lost')
  for (const url of [`${lost.url}/?key=s3cret`, 'http://[bad/?key=s3cret', 'ftp://h/?key=s3cret']) {
    const error = await failureOf(url)
    assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`, /s3cret/)
  }
})

test('a JSON body arrives, and what a service asks for is believed up to a bound', async () => {
  await using server = await startJsonServer(({ body }) => ({
    status: 429,
    headers: { 'retry-after': '60' },
    body: { got: body },
  }))
  const request = { method: 'PUT', url: server.url, headers: {}, body: { a: ['ü'] } } as const
  const reply = await askOutside(request, anyAddress, bounds)
  assert.deepEqual([reply.status, reply.retryAfterMs, reply.json], [429, 5000, { got: { a: ['ü'] } }])
})

test('a file is fetched over redirects, each to an address of the rule and all within one deadline', async () => {
  await using server = await startJsonServer(async ({ path }) => {
    if (path === '/file') return { status: 200, body: 'bytes' }
    if (path === '/slow') await new Promise((resolve) => setTimeout(resolve, 200))
    const { port } = new URL(server.url)
    const locations: Record<string, string> = {
      '/moved': '/file',
      '/twice': 'moved',
      '/slow': '/slow',
      '/other': `http://127.0.0.2:${port}/file`,
      '/mail': 'http://127.0.0.1:25/',
      '/ftp': 'ftp://127.0.0.1/',
    }
    const location = locations[path]
    return { status: 302, ...(location === undefined ? {} : { headers: { location } }) }
  })
  const fetched = async (path: string, redirectsMax = 9): Promise<unknown> => {
    const rule = (address: string): boolean => address === '127.0.0.1'
    try {
      const { status, bytes } = await fetchFile(server.url + path, rule, { ...bounds, redirectsMax })
      return `${status} ${bytes}`
    } catch (error) {
      return error instanceof OutsideError ? error.problem.reason : error
    }
  }
  const rows: [path: string, redirects: number, want: string][] = [
    ['/file', 0, '200 bytes'],
    ['/moved', 1, '200 bytes'],
    ['/moved', 0, 'redirect'],
    ['/twice', 2, '200 bytes'],
    ['/twice', 1, 'redirect'],
    ['/nowhere', 9, 'redirect'],
    ['/other', 9, 'forbidden_address'],
    ['/mail', 9, 'bad_url'],
    ['/ftp', 9, 'bad_url'],
    ['/slow', 9, 'late'],
  ]
  for (const [path, redirects, want] of rows) assert.equal(await fetched(path, redirects), want, path)
})
