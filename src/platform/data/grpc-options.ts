/** Options of every gRPC channel: one connection, for one caller that retries by itself. */
export const GRPC_OPTIONS = {
  // The caller keeps the request and retries.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_channelz": 0,
  // As over HTTP, proxies of the environment aren't used.
  "grpc.enable_http_proxy": 0,
} as const;
