/** The official SDK's client against /mcp. */
import assert from 'node:assert/strict'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { RequestOptions } from '@modelcontextprotocol/sdk/shared/protocol.js'
import { type CallToolResult, CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'

export type McpClient = AsyncDisposable & {
  client: Client
  /** Calls a tool; the result may be an error. */
  call(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<CallToolResult>
  /** The same, which must succeed. */
  done(name: string, args?: Record<string, unknown>, options?: RequestOptions): Promise<CallToolResult>
  /** The same, which must be refused: the code. */
  refused(name: string, args?: Record<string, unknown>): Promise<string>
}

/** Connects and initializes. @param path with a query, such as `/mcp?read_only=true`. */
export async function connectMcp(
  base: string,
  key: string,
  { path = '/mcp', headers = {} }: { path?: string; headers?: Record<string, string> } = {},
): Promise<McpClient> {
  const client = new Client({ name: 'test', version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(path, base), {
    requestInit: { headers: { authorization: `Bearer ${key}`, ...headers } },
  })
  // The SDK's own types do not agree with each other under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client['connect']>[0])
  const call = async (
    name: string,
    args: Record<string, unknown> = {},
    options: RequestOptions = {},
  ): Promise<CallToolResult> =>
    CallToolResultSchema.parse(
      await client.callTool({ name, arguments: args }, CallToolResultSchema, options),
    )
  return {
    client,
    call,
    async done(name, args, options) {
      const result = await call(name, args, options)
      assert.ok(!result.isError, `${name}: ${textOfResult(result)}`)
      return result
    },
    async refused(name, args) {
      const result = await call(name, args)
      assert.equal(result.isError, true, `${name} was not refused: ${textOfResult(result)}`)
      const { error } = result.structuredContent ?? {}
      return typeof error === 'object' && error !== null ? String(Reflect.get(error, 'code')) : ''
    },
    [Symbol.asyncDispose]: () => client.close(),
  }
}

/** All text of a result, one block under the other. */
export function textOfResult({ content }: CallToolResult): string {
  return content.map((block) => (block.type === 'text' ? block.text : `[${block.type}]`)).join('\n')
}
