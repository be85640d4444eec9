/** A tool: what a model is told of it, who may call it, and what it does. */
import type { Tool as ListedTool, ToolAnnotations } from '@modelcontextprotocol/sdk/types.js'
import * as z from 'zod'
import type { Caller } from '../mailboxes/callers.ts'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import type { Answer } from './answer.ts'

export type ToolCall = {
  platform: Platform
  caller: Caller
  /** Aborted when nobody waits any more, or the server stops. */
  signal: AbortSignal
  /** Tells the client how far it is; does nothing for one that did not ask. */
  report(progress: number, total: number, message: string): void
}

/** `workspace`: not for keys that are bound to one mailbox. */
export type Reach = 'mailbox' | 'workspace'

export type Tool = {
  name: string
  /** Read: it changes nothing, and is there in read-only mode. */
  access: 'read' | 'write'
  reach: Reach
  listed: ListedTool
  /** @throws Refusal invalid_request for arguments that it does not take. */
  run(call: ToolCall, args: unknown): Promise<Answer>
}

type Arguments<Shape extends z.ZodRawShape> = z.ZodObject<Shape, z.core.$strict>

export type ToolDefinition<Shape extends z.ZodRawShape> = {
  name: string
  title: string
  description: string
  access: 'read' | 'write'
  /** Default: mailbox. */
  reach?: Reach
  input: z.ZodObject<Shape>
  /** Of one that writes: what it does to what is there, and what the same call again does. */
  hints?: Pick<ToolAnnotations, 'destructiveHint' | 'idempotentHint' | 'openWorldHint'>
  run(call: ToolCall, args: z.output<Arguments<Shape>>): Promise<Answer>
}

export function defineTool<Shape extends z.ZodRawShape>(definition: ToolDefinition<Shape>): Tool {
  const { name, title, description, access, reach = 'mailbox', input, hints, run } = definition
  const strict: Arguments<Shape> = input.strict()
  return {
    name,
    access,
    reach,
    listed: {
      name,
      title,
      description,
      inputSchema: inputSchemaOf(strict),
      annotations: {
        title,
        readOnlyHint: access === 'read',
        destructiveHint: false,
        idempotentHint: access === 'read',
        openWorldHint: false,
        ...hints,
      },
    },
    async run(call, args) {
      const parsed = strict.safeParse(args ?? {})
      if (!parsed.success) throw invalidArguments(parsed.error)
      return await run(call, parsed.data)
    },
  }
}

function inputSchemaOf(input: z.ZodObject): ListedTool['inputSchema'] {
  const { properties, required, additionalProperties } = z.toJSONSchema(input, { io: 'input' })
  const known: Record<string, object> = {}
  for (const [name, schema] of Object.entries(properties ?? {}))
    if (typeof schema === 'object') known[name] = schema
  return {
    type: 'object',
    properties: known,
    ...(required === undefined ? {} : { required }),
    ...(additionalProperties === undefined ? {} : { additionalProperties }),
  }
}

const problemsMax = 20

function invalidArguments({ issues }: z.ZodError): Refusal {
  const fields = issues.slice(0, problemsMax).map(
    ({ path, message }): FieldProblem => ({
      pointer: path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
      detail: message,
    }),
  )
  return new Refusal('invalid_request', 'The arguments are not what this tool takes.', { fields })
}

/**
 * The mailbox that a call is about: the one it names, or the one that the key is bound to.
 * @throws Refusal invalid_request when there is neither.
 */
export function mailboxRef({ caller }: ToolCall, named: string | undefined): string {
  const ref = named ?? caller.scope.mailboxId
  if (ref !== null) return ref
  throw new Refusal('invalid_request', 'Say which mailbox: find_mailboxes lists them.', {
    fields: [{ pointer: '/mailbox', detail: 'must be given, unless the key is bound to a mailbox' }],
  })
}
