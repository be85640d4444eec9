/** For tests that call routes they know nothing of: the smallest value that a JSON Schema of the API's takes. */
import { at } from './test-api.ts'

/** A schema whose smallest value only a person can tell: one with a pattern, or of no type. */
export class UnknownShape extends Error {}

/**
 * @param root the document that `$ref`s point into.
 * @throws UnknownShape.
 */
export function minimalValue(schema: unknown, root: unknown): unknown {
  const ref = at(schema, '$ref')
  if (typeof ref === 'string') return minimalValue(at(root, ...ref.replace(/^#\//, '').split('/')), root)
  const chosen = at(schema, 'oneOf', 0) ?? at(schema, 'anyOf', 0)
  if (chosen !== undefined) return minimalValue(chosen, root)
  if (at(schema, 'const') !== undefined) return at(schema, 'const')
  if (Array.isArray(at(schema, 'enum'))) return at(schema, 'enum', 0)
  switch (typeOf(schema)) {
    case 'object':
      return minimalObject(schema, root)
    case 'array':
      return Array.from({ length: numberAt(schema, 'minItems', 0) }, () =>
        minimalValue(at(schema, 'items'), root),
      )
    case 'string':
      return minimalText(schema)
    case 'integer':
    case 'number':
      return numberAt(schema, 'minimum', numberAt(schema, 'exclusiveMinimum', -1) + 1)
    case 'boolean':
      return false
    case 'null':
      return null
    default:
      throw new UnknownShape(`no value is known for ${JSON.stringify(schema)}`)
  }
}

/** The properties of an object's schema. */
export function propertiesOf(schema: unknown): [name: string, schema: unknown][] {
  return Object.entries(Object(at(schema, 'properties')))
}

function minimalObject(schema: unknown, root: unknown): object {
  const required: unknown[] = [at(schema, 'required')].flat()
  const optional = propertiesOf(schema).filter(([name]) => !required.includes(name) && name !== 'preview')
  const chosen = propertiesOf(schema).filter(([name]) => required.includes(name))
  const missing = Math.max(0, numberAt(schema, 'minProperties', 0) - chosen.length)
  const all = [...chosen, ...optional.slice(0, missing)]
  return Object.fromEntries(all.map(([name, property]) => [name, minimalValue(property, root)]))
}

const formats: Readonly<Record<string, string>> = {
  uuid: '00000000-0000-7000-8000-000000000000',
  'date-time': '2999-01-01T00:00:00.000Z',
  email: 'x@example.org',
}

function minimalText(schema: unknown): string {
  const format = at(schema, 'format')
  const known = typeof format === 'string' ? formats[format] : undefined
  if (known !== undefined) return known
  if (format !== undefined || at(schema, 'pattern') !== undefined) {
    throw new UnknownShape(`no text is known for ${JSON.stringify(schema)}`)
  }
  return 'x'.repeat(Math.max(1, numberAt(schema, 'minLength', 1)))
}

function typeOf(schema: unknown): unknown {
  const type = at(schema, 'type')
  return Array.isArray(type) ? type[0] : type
}

function numberAt(schema: unknown, name: string, otherwise: number): number {
  const found = at(schema, name)
  return typeof found === 'number' ? found : otherwise
}
