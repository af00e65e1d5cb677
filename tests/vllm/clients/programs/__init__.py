"""Programs that try one client each: python -m tests.vllm.clients.programs.NAME URL URL."""
