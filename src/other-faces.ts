/** What programs call beside the native API, on the same listener: MCP and the dialects. */
import type { ApiOptions } from './api/server.ts'
import { type Dialect, dialectFaces } from './dialects/dialect.ts'
import { inboxedup } from './dialects/inboxedup/inboxedup.ts'
import { inboxkit } from './dialects/inboxkit/inboxkit.ts'
import { inkbox } from './dialects/inkbox/inkbox.ts'
import { scaleway } from './dialects/scaleway/scaleway.ts'
import { zapmail } from './dialects/zapmail/zapmail.ts'
import { mcpFace } from './mcp/face.ts'
import type { Platform } from './platform/platform.ts'

const dialects: readonly Dialect[] = [inboxedup, inboxkit, inkbox, scaleway, zapmail]

export function otherFaces(platform: Platform): Pick<ApiOptions, 'faces' | 'pathOf' | 'answerUnrouted'> {
  const { face, pathOf, answerUnrouted } = dialectFaces(platform, dialects)
  return { faces: [mcpFace(platform), face], pathOf, answerUnrouted }
}
