/** What is wrong with a request as a whole, as JSON-RPC has it (JSON-RPC 2.0 §5.1), and with a tool call, as MCP has it. */
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { type ErrorCode, errorCatalogue, Refusal } from '../platform/errors.ts'

export type RpcError = { code: number; message: string; data?: Record<string, unknown> }

const rpcCodes: Readonly<Partial<Record<ErrorCode, number>>> = {
  invalid_json: -32700,
  invalid_request: -32600,
  internal: -32603,
}
/** Of the range that JSON-RPC leaves to servers: for what HTTP says no to. */
const rpcRefused = -32000

/** The error that answers a request which never became a call. */
export function rpcErrorOf(refusal: Refusal): RpcError {
  return {
    code: rpcCodes[refusal.code] ?? rpcRefused,
    message: refusal.detail,
    data: { ...dataOf(refusal), status: errorCatalogue[refusal.code].status },
  }
}

/** A refusal as the result of a tool: the model is to read it and to act on it. */
export function refusedResult(refusal: Refusal): CallToolResult {
  const { code, detail, fields, retryAfterSeconds } = refusal
  const lines = [
    `${code}: ${detail}`,
    ...fields.map(({ pointer, detail: problem }) => `- ${pointer} ${problem}`),
    ...(retryAfterSeconds === null ? [] : [`It is worth trying again in ${retryAfterSeconds} seconds.`]),
  ]
  return {
    isError: true,
    content: [{ type: 'text', text: lines.join('\n') }],
    structuredContent: { error: dataOf(refusal) },
  }
}

function dataOf({ code, detail, fields, retryAfterSeconds }: Refusal): Record<string, unknown> {
  return {
    code,
    title: errorCatalogue[code].title,
    detail,
    ...(fields.length === 0 ? {} : { errors: fields.map((field) => ({ ...field })) }),
    ...(retryAfterSeconds === null ? {} : { retry_after_seconds: retryAfterSeconds }),
  }
}

/** For a defect of ours: nothing of it leaves the house. */
export function internalRefusal(cause: unknown): Refusal {
  return new Refusal('internal', undefined, { cause })
}
