/**
 * A vendor's contract as data (test/contracts/NAME.json: the bare facts of an OpenAPI 3.1 document), and what holds the
 * replies of a dialect to it: a validator of JSON Schema, not a comparison of ours.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Ajv2020, type AnySchema, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { at, type Reply } from './test-api.ts'

export type Operation = {
  id: string
  method: string
  /** As in `/things/{thing_id}`. */
  path: string
  /** The documented status codes. */
  statuses: string[]
  /** The documented bodies of requests. */
  bodies: unknown[]
}

export type Contract = {
  operations: readonly Operation[]
  operation(id: string): Operation
  /** Fails unless the status is documented for the operation and headers and body are as documented; counts it. */
  check(id: string, reply: Reply): Reply
  /** As `getThing 404`: what is documented and no reply that was checked has had. */
  unseen(): string[]
}

const methods = new Set(['get', 'put', 'post', 'delete', 'patch', 'head', 'options'])

/** @param name of a file in test/contracts/, without `.json`. */
export function loadContract(name: string): Contract {
  const file = new URL(`../../test/contracts/${name}.json`, import.meta.url)
  const document: AnySchema = JSON.parse(readFileSync(file, 'utf8'))
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: true })
  formats.default(ajv)
  ajv.addSchema(document, 'contract')
  const operations = operationsOf(document)
  const validators = new Map<string, ValidateFunction>()
  const seen = new Set<string>()
  const operation = (id: string): Operation => {
    const found = operations.find((one) => one.id === id)
    if (!found) throw new Error(`the contract has no operation ${id}`)
    return found
  }
  const validatorAt = (pointer: string): ValidateFunction => {
    const made = validators.get(pointer) ?? ajv.compile({ $ref: `contract#${pointer}` })
    validators.set(pointer, made)
    return made
  }
  return {
    operations,
    operation,
    check(id, reply) {
      const { method, path, statuses } = operation(id)
      const status = String(reply.status)
      assert.ok(statuses.includes(status), `${id} answers ${status}, which is not documented: ${reply.text}`)
      const steps = ['paths', path, method.toLowerCase(), 'responses', status]
      checkReply(document, resolved(document, steps), reply, id, validatorAt)
      seen.add(`${id} ${status}`)
      return reply
    },
    unseen: () =>
      operations.flatMap(({ id, statuses }) =>
        statuses.map((status) => `${id} ${status}`).filter((one) => !seen.has(one)),
      ),
  }
}

function operationsOf(document: unknown): Operation[] {
  return Object.entries(Object(at(document, 'paths'))).flatMap(([path, item]) =>
    Object.entries(Object(item))
      .filter(([method]) => methods.has(method))
      .map(([method, operation]) => ({
        id: String(at(operation, 'operationId')),
        method: method.toUpperCase(),
        path,
        statuses: Object.keys(Object(at(operation, 'responses'))),
        bodies: examplesOf(at(operation, 'requestBody', 'content', 'application/json')),
      })),
  )
}

function examplesOf(media: unknown): unknown[] {
  const one = at(media, 'example')
  const named = Object.values(Object(at(media, 'examples'))).map((example) => at(example, 'value'))
  return one === undefined ? named : [one, ...named]
}

function checkReply(
  document: unknown,
  steps: string[],
  reply: Reply,
  id: string,
  validatorAt: (pointer: string) => ValidateFunction,
): void {
  const response = at(document, ...steps)
  const what = `${id} ${reply.status}`
  for (const [name, header] of Object.entries(Object(at(response, 'headers')))) {
    const value = reply.headers.get(name)
    if (at(header, 'required') === true) assert.notEqual(value, null, `${what} has no header ${name}`)
  }
  const content = Object(at(response, 'content'))
  const [mediaType = ''] = (reply.headers.get('content-type') ?? '').split(';')
  if (Object.keys(content).length === 0) {
    assert.equal(reply.text, '', `${what} has a body`)
    return
  }
  assert.ok(mediaType in content, `${what} is ${mediaType || 'of no media type'}`)
  if (at(content, mediaType, 'schema') === undefined || !/json/.test(mediaType)) return
  const validate = validatorAt(pointerOf([...steps, 'content', mediaType, 'schema']))
  if (validate(reply.json)) return
  assert.fail(`${what}: ${JSON.stringify(validate.errors, null, 1)}\n${reply.text}`)
}

/** Where the value at these steps stands, behind a reference if it is one. */
function resolved(document: unknown, steps: string[]): string[] {
  const reference = at(document, ...steps, '$ref')
  if (typeof reference !== 'string') return steps
  return reference
    .slice('#/'.length)
    .split('/')
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'))
}

// RFC 6901 §3 and §6: as the fragment of a URI.
function pointerOf(steps: readonly string[]): string {
  return steps
    .map((step) => `/${encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1'))}`)
    .join('')
}
