/** Every operation of the contracts of InboxKit and Zapmail is served, at each of its paths. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { at, startTestApi } from '../src/testing/test-api.ts'

/** Paths that the contract thinks of and that cannot be told from another's, or whose use was shown to be another. */
const otherwise: Readonly<Record<string, string>> = {}

type Named = { id: string; routes: string[] }

function operationsOf(name: string): Named[] {
  const file = new URL(`contracts/${name}.json`, import.meta.url)
  const document: unknown = JSON.parse(readFileSync(file, 'utf8'))
  return Object.entries(Object(at(document, 'paths'))).flatMap(([path, item]) =>
    Object.entries(Object(item)).map(([method, operation]) => {
      const own = `${method.toUpperCase()} ${path}`
      const alternatives = Object.values(Object(at(operation, 'alternatives'))).map(String)
      return { id: String(at(operation, 'operationId')), routes: [own, ...alternatives] }
    }),
  )
}

/** What its parameters are called makes no difference, nor does a slash at the end or a query. */
function plain(route: string): string {
  return route
    .replace(/\?.*$/, '')
    .replaceAll(/\{\w+\}/g, '{}')
    .replace(/\/$/, '')
}

for (const name of ['inboxkit', 'zapmail']) {
  test(`every operation of ${name} is there`, async () => {
    await using api = await startTestApi({ otherFaces: true })
    const { json } = await api.call('GET', `/${name}/openapi.json`, { key: null })
    const served = new Set(
      Object.entries(Object(at(json, 'paths'))).flatMap(([path, item]) =>
        Object.keys(Object(item)).map((method) => plain(`${method.toUpperCase()} ${path}`)),
      ),
    )
    const missing = operationsOf(name).flatMap(({ id, routes }) =>
      routes
        .filter((route) => !served.has(plain(route)) && !(route in otherwise))
        .map((route) => `${id}: ${route}`),
    )
    assert.deepEqual(missing, [])
  })
}
